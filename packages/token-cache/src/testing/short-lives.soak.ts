import { afterAll, describe, expect, test } from 'vitest';
import { findRedis } from './redis-server.ts';
import { expectShortLivesAreShared } from './short-lives.ts';

const redis = await findRedis();

describe.skipIf(redis === undefined)('four processes over one Redis for half a minute', () => {
  afterAll(async () => {
    await redis?.stop();
  });

  test('tokens that live one second cost one call per second and are never returned after they expired', async () => {
    await expect(expectShortLivesAreShared(redis?.url ?? '', 30_000)).resolves.toBeUndefined();
  });
});
