import { expect, onTestFinished, test } from 'vitest';
import { createVirtualClock } from '../../test/support/virtual-clock.ts';
import { createSqliteStore } from '../storage/sqlite-store.ts';
import { createReplayStore } from './replay-store.ts';

test('a principal with too many proofs in use is rate_limited alone, until the seconds in Retry-After have passed', async () => {
  const clock = createVirtualClock();
  const store = createSqliteStore(':memory:');
  onTestFinished(() => store.close());
  const { add } = createReplayStore({ store, clock, maxProofsPerPrincipal: 2 });
  expect(await add('one', 71, 'alice')).toBe(true);
  clock.advance(500);
  expect(await add('one', 71, 'alice')).toBe(false);
  expect(await add('two', 71, 'alice')).toBe(true);
  await expect(async () => add('three', 71, 'alice')).rejects.toMatchObject({
    code: 'rate_limited',
    retryAfterSeconds: 71,
    message: 'Too many DPoP proofs of this principal are in use.',
  });
  expect(await add('four', 71, 'bob')).toBe(true);
  clock.advance(70_500);
  expect(await add('three', 71, 'alice')).toBe(true);
});
