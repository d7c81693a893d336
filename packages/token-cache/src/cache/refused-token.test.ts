import { type ServerToken, ValetKeyError } from '@valetkey/core-types';
import { expect, test } from 'vitest';
import { createCountingIssue, nymblKey, serverToken } from '../testing/server-token.ts';
import { createVirtualTime } from '../testing/virtual-time.ts';
import type { TokenCacheEvent } from './events.ts';
import { createTokenCache } from './token-cache.ts';

function setUp() {
  const time = createVirtualTime();
  const events: TokenCacheEvent[] = [];
  const cache = createTokenCache({
    clock: time,
    timers: time,
    random: () => 0.5,
    onEvent: (event) => void (event.type === 'invalidate' && events.push(event)),
  });
  return { time, cache, events };
}

test('invalidate drops the token that the vendor refused', async () => {
  const { cache, events } = setUp();
  const issue = createCountingIssue();
  const failed = await cache.get(nymblKey, issue);
  expect(await cache.invalidate(nymblKey, failed)).toBe(true);
  expect((await cache.get(nymblKey, issue)).secret.reveal()).toBe('token-2');
  expect(events).toEqual([{ type: 'invalidate', key: nymblKey, current: true, dropped: true }]);
});

test('invalidate with a token that was already dropped keeps the newer token', async () => {
  const { cache, events } = setUp();
  const issue = createCountingIssue();
  const failed = await cache.get(nymblKey, issue);
  await cache.invalidate(nymblKey, failed);
  await cache.get(nymblKey, issue);
  expect(await cache.invalidate(nymblKey, failed)).toBe(false);
  expect((await cache.get(nymblKey, issue)).secret.reveal()).toBe('token-2');
  expect(events.at(-1)).toMatchObject({ current: false, dropped: false });
});

test('invalidate drops the token that has the same secret, even if it receives another object', async () => {
  const { time, cache } = setUp();
  const issue = createCountingIssue();
  await cache.get(nymblKey, issue);
  await time.advance(50_000);
  expect(await cache.invalidate({ ...nymblKey }, serverToken('token-1'))).toBe(true);
});

test('invalidate with another key does not drop the token', async () => {
  const { cache } = setUp();
  const issue = createCountingIssue();
  const token = await cache.get(nymblKey, issue);
  expect(await cache.invalidate({ vendor: 'other' }, token)).toBe(false);
  expect((await cache.get(nymblKey, issue)).secret.reveal()).toBe('token-1');
});

test('invalidate drops five tokens at once, then one in 30 s, if the vendor refuses every token', async () => {
  const { time, cache, events } = setUp();
  const issue = createCountingIssue();
  const refuse = async (): Promise<boolean> => cache.invalidate(nymblKey, await cache.get(nymblKey, issue));
  const dropped: boolean[] = [];
  for (let count = 0; count < 8; count += 1) dropped.push(await refuse());
  expect(dropped).toEqual([true, true, true, true, true, false, false, false]);
  expect(issue.calls).toBe(6);
  expect(events.at(-1)).toMatchObject({ current: true, dropped: false });
  await time.advance(29_999);
  expect(await refuse()).toBe(false);
  await time.advance(1);
  expect(await refuse()).toBe(true);
  expect(await refuse()).toBe(false);
  await time.advance(3_600_000);
  for (let count = 0; count < 5; count += 1) expect(await refuse()).toBe(true);
  expect(await refuse()).toBe(false);
});

test('a token that the vendor issues again after invalidate lives for its whole expires_in', async () => {
  const { cache } = setUp();
  const issue = async (): Promise<ServerToken> => serverToken('same', 300);
  await cache.invalidate(nymblKey, await cache.get(nymblKey, issue));
  expect((await cache.get(nymblKey, issue)).expiresInSeconds).toBe(300);
});

test('invalidate does not end a cool-down', async () => {
  const { time, cache } = setUp();
  const issue = createCountingIssue();
  const token = await cache.get(nymblKey, issue);
  await time.advance(250_000);
  const down = new ValetKeyError('vendor_unavailable', 'Down.');
  await cache.get(nymblKey, () => Promise.reject(down));
  await time.settle();
  await cache.invalidate(nymblKey, token);
  await expect(cache.get(nymblKey, issue)).rejects.toMatchObject({ code: 'vendor_unavailable', retryAfterSeconds: 1 });
});
