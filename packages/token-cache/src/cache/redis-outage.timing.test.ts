import { Secret } from '@valetkey/core-types';
import { afterAll, describe, expect, test } from 'vitest';
import { createRedisStore } from '../stores/redis-store.ts';
import { type PrivateRedis, startPrivateRedis } from '../testing/redis-server.ts';
import { redisTroubles } from '../testing/redis-troubles.ts';
import { createCountingIssue, nymblKey } from '../testing/server-token.ts';
import { createTokenCache, type TokenCache } from './token-cache.ts';

const sealingKeys = [{ id: 'test', secret: new Secret('sandbox-only-sealing-key-of-32-characters') }];
const redis = await startPrivateRedis('--maxmemory-policy', 'noeviction');

const timeoutMs = 250;

/** The most that a get may take while Redis does not respond, as a multiple of a timer of `timeoutMs`. */
const maxRatio = 3;

async function timeOf(work: Promise<unknown>): Promise<number> {
  const startMs = performance.now();
  await work;
  return performance.now() - startMs;
}

describe.skipIf(redis === undefined)('a cache over a Redis that fails', () => {
  const server = redis as PrivateRedis;

  afterAll(() => server.stop());

  function open(): TokenCache {
    return createTokenCache({
      store: createRedisStore({ url: server.url, sealingKeys, timeoutMs }),
      storeRetryMs: 200,
    });
  }

  test.each(redisTroubles)(
    'a get takes less than three times the timeoutMs of the store while Redis $name',
    async ({ begin, end }) => {
      const connected = open();
      await connected.get(nymblKey, createCountingIssue());
      await begin(server);
      for (const cache of [connected, connected, open()]) {
        const key = { ...nymblKey, scope: crypto.randomUUID() };
        const [getMs, timeoutOnlyMs] = await Promise.all([
          timeOf(cache.get(key, createCountingIssue())),
          timeOf(new Promise((resolve) => void setTimeout(resolve, timeoutMs))),
        ]);
        expect(getMs / timeoutOnlyMs).toBeLessThan(maxRatio);
        if (cache !== connected) await cache.close();
      }
      await end(server);
      await connected.close();
    },
  );
});
