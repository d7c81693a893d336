import { type ServerToken, ValetKeyError } from '@valetkey/core-types';
import { expect, test } from 'vitest';
import { createTokenCache, type TokenCacheEvent } from './index.ts';
import { countingIssue, nymblKey, serverToken } from './testing/server-token.ts';
import { createVirtualTime } from './testing/virtual-time.ts';

const setUp = () => {
  const time = createVirtualTime();
  const events: TokenCacheEvent[] = [];
  const cache = createTokenCache({
    clock: time,
    timers: time,
    random: () => 0.5,
    onEvent: (event) => void (event.type === 'invalidate' && events.push(event)),
  });
  return { time, cache, events };
};

test('drops the token that failed', async () => {
  const { cache, events } = setUp();
  const issue = countingIssue();
  const failed = await cache.get(nymblKey, issue);
  expect(await cache.invalidate(nymblKey, failed)).toBe(true);
  expect((await cache.get(nymblKey, issue)).secret.reveal()).toBe('token-2');
  expect(events).toEqual([{ type: 'invalidate', key: nymblKey, current: true, dropped: true }]);
});

test('two reports of one token drop it once, and never its successor', async () => {
  const { cache, events } = setUp();
  const issue = countingIssue();
  const failed = await cache.get(nymblKey, issue);
  await cache.invalidate(nymblKey, failed);
  await cache.get(nymblKey, issue);
  expect(await cache.invalidate(nymblKey, failed)).toBe(false);
  expect((await cache.get(nymblKey, issue)).secret.reveal()).toBe('token-2');
  expect(events.at(-1)).toMatchObject({ current: false, dropped: false });
});

test('knows the token whatever copy is shown', async () => {
  const { time, cache } = setUp();
  const issue = countingIssue();
  await cache.get(nymblKey, issue);
  await time.advance(50_000);
  expect(await cache.invalidate({ ...nymblKey }, serverToken('token-1'))).toBe(true);
});

test('a token of a key that is not there, or of another key, drops nothing', async () => {
  const { cache } = setUp();
  const issue = countingIssue();
  const token = await cache.get(nymblKey, issue);
  expect(await cache.invalidate({ vendor: 'other' }, token)).toBe(false);
  expect((await cache.get(nymblKey, issue)).secret.reveal()).toBe('token-1');
});

test('a vendor that refuses whatever it issues is asked five times at once, then once in 30 s', async () => {
  const { time, cache, events } = setUp();
  const issue = countingIssue();
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

test('what the vendor issues again after a report counts as new', async () => {
  const { cache } = setUp();
  const issue = async (): Promise<ServerToken> => serverToken('same', 300);
  await cache.invalidate(nymblKey, await cache.get(nymblKey, issue));
  expect((await cache.get(nymblKey, issue)).expiresInSeconds).toBe(300);
});

test('a report does not end a cool-down', async () => {
  const { time, cache } = setUp();
  const issue = countingIssue();
  const token = await cache.get(nymblKey, issue);
  await time.advance(250_000);
  const down = new ValetKeyError('vendor_unavailable', 'Down.');
  await cache.get(nymblKey, () => Promise.reject(down));
  await time.settle();
  await cache.invalidate(nymblKey, token);
  await expect(cache.get(nymblKey, issue)).rejects.toMatchObject({ code: 'vendor_unavailable', retryAfterSeconds: 1 });
});

test('clear forgets everything, and what is on its way reaches only those who wait for it', async () => {
  const { time, cache } = setUp();
  const issue = countingIssue();
  await cache.get(nymblKey, issue);
  cache.clear();
  expect(cache.stats().entries).toBe(0);
  let answer: (token: ServerToken) => void = () => undefined;
  const waiting = cache.get(nymblKey, () => new Promise<ServerToken>((resolve) => (answer = resolve)));
  await time.settle();
  cache.clear();
  answer(serverToken('on its way', 300));
  expect((await waiting).secret.reveal()).toBe('on its way');
  expect((await cache.get(nymblKey, issue)).secret.reveal()).toBe('token-2');
});

test('close ends what runs, refuses what comes, and leaves no timer', async () => {
  const { time, cache } = setUp();
  const closed = { code: 'overloaded', vendor: 'nymbl', reason: 'closed', message: 'The token cache is closed.' };
  let signal: AbortSignal | undefined;
  const issue = (options: { signal: AbortSignal }): Promise<ServerToken> => {
    ({ signal } = options);
    return new Promise(() => undefined);
  };
  await cache.get({ vendor: 'other' }, countingIssue());
  const waiting = cache.get(nymblKey, issue);
  await time.settle();
  const closing = cache.close();
  await expect(waiting).rejects.toMatchObject(closed);
  await closing;
  expect(signal?.aborted).toBe(true);
  expect(time.pendingTimers()).toBe(0);
  expect(cache.stats()).toMatchObject({ failures: 0, renewals: 0, entries: 0 });
  await expect(cache.get(nymblKey, countingIssue())).rejects.toMatchObject(closed);
  await expect(cache.get({ vendor: 'other' }, countingIssue())).rejects.toMatchObject({ ...closed, vendor: 'other' });
  await cache.close();
});
