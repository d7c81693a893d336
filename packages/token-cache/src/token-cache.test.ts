import { expect, test } from 'vitest';
import { countingIssue, nymblKey } from './testing/server-token.ts';
import { createVirtualTime } from './testing/virtual-time.ts';
import { createTokenCache, type TokenCacheOptions } from './index.ts';

const setUp = (options: TokenCacheOptions = {}) => {
  const time = createVirtualTime();
  const cache = createTokenCache({ clock: time, timers: time, random: () => 0.5, ...options });
  return { time, cache };
};

test('issues once and answers out of memory, with the life that is left', async () => {
  const { time, cache } = setUp();
  const issue = countingIssue();
  const first = await cache.get(nymblKey, issue);
  expect(first).toMatchObject({ kind: 'server', vendor: 'nymbl', expiresInSeconds: 300 });
  await time.advance(100_500);
  const second = await cache.get({ ...nymblKey }, issue);
  expect(second.expiresInSeconds).toBe(199);
  expect(second.secret.reveal()).toBe('token-1');
  expect(issue.calls).toBe(1);
});

test('refreshes in the background while the old token serves', async () => {
  const { time, cache } = setUp();
  const issue = countingIssue();
  await cache.get(nymblKey, issue);
  await time.advance(239_999);
  await cache.get(nymblKey, issue);
  await time.settle();
  expect(issue.calls).toBe(1);
  await time.advance(1);
  expect((await cache.get(nymblKey, issue)).secret.reveal()).toBe('token-1');
  await time.settle();
  expect((await cache.get(nymblKey, issue)).secret.reveal()).toBe('token-2');
});
