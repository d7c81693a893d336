import { type ClientToken, Secret, type ServerToken, ValetKeyError } from '@valetkey/core-types';
import { expect, test } from 'vitest';
import { createCountingIssue, createManualIssue, nymblKey, serverToken, secretOf } from '../testing/server-token.ts';
import { createVirtualTime } from '../testing/virtual-time.ts';
import type { TokenCacheEvent } from './events.ts';
import { createTokenCache } from './token-cache.ts';
import type { TokenCacheOptions } from './token-cache-options.ts';

function setUp(options: TokenCacheOptions = {}) {
  const time = createVirtualTime();
  const events: TokenCacheEvent[] = [];
  const settings = { clock: time, timers: time, random: () => 0.5, ...options };
  const cache = createTokenCache(options.onEvent === undefined ? settings : { ...settings, onEvent: options.onEvent });
  const watched = createTokenCache({ ...settings, onEvent: (event) => events.push(event) });
  return { time, cache, watched, events };
}

const down = new ValetKeyError('vendor_unavailable', 'Down.', { vendor: 'nymbl' });

test('get calls issue once and then returns the token from memory, with the seconds that it has left', async () => {
  const { time, cache } = setUp();
  const issue = createCountingIssue();
  const first = await cache.get(nymblKey, issue);
  expect(first).toMatchObject({ kind: 'server', vendor: 'nymbl', expiresInSeconds: 300 });
  await time.advance(100_500);
  const second = await cache.get({ ...nymblKey }, issue);
  expect(second.expiresInSeconds).toBe(199);
  expect(second.secret.reveal()).toBe('token-1');
  expect(issue.calls).toBe(1);
  expect(cache.stats()).toMatchObject({ hits: 1, waits: 1, issues: 1, refreshes: 1, entries: 1, renewals: 0 });
  expect(cache.stats().storeReachable).toBeUndefined();
});

test('get returns the same frozen object until the next second of the life begins', async () => {
  const { time, cache } = setUp();
  const issue = createCountingIssue();
  await cache.get(nymblKey, issue);
  await time.advance(500);
  const [one, other] = [await cache.get(nymblKey, issue), await cache.get(nymblKey, issue)];
  expect(one).toBe(other);
  expect(Object.isFrozen(one)).toBe(true);
  expect(one.expiresInSeconds).toBe(299);
  await time.advance(500);
  expect((await cache.get(nymblKey, issue)).expiresInSeconds).toBe(299);
  await time.advance(1);
  expect((await cache.get(nymblKey, issue)).expiresInSeconds).toBe(298);
});

test('keys that differ in one part have different tokens', async () => {
  const { cache } = setUp();
  const issue = createCountingIssue();
  expect(await secretOf(cache.get(nymblKey, issue))).toBe('token-1');
  for (const [index, part] of ['vendor', 'connection', 'client', 'scope', 'resource', 'secretVersion'].entries()) {
    expect(await secretOf(cache.get({ ...nymblKey, [part]: 'other' }, issue))).toBe(`token-${index + 2}`);
  }
  expect(await secretOf(cache.get(nymblKey, issue))).toBe('token-1');
});

test('get returns an account-bound client token, and throws a TypeError for a user-bound token behind a cast', async () => {
  const { cache } = setUp();
  const account: ClientToken<'account'> = {
    kind: 'client',
    bound: 'account',
    vendor: 'nudge',
    fields: { token: new Secret('nudge-token') },
    expiresInSeconds: 3600,
  };
  expect(await cache.get({ vendor: 'nudge' }, async () => account)).toEqual(account);
  const userBound = { ...account, bound: 'user' } as unknown as ClientToken<'account'>;
  await expect(cache.get({ vendor: 'nabla' }, async () => userBound)).rejects.toThrow(TypeError);
  await expect(cache.get({ vendor: 'nabla' }, async () => account)).rejects.toThrow(TypeError);
});

test('the cache renews a token that is due in the background, while get returns the old token', async () => {
  const { time, cache } = setUp();
  const issue = createCountingIssue();
  await cache.get(nymblKey, issue);
  await time.advance(239_999);
  await cache.get(nymblKey, issue);
  await time.settle();
  expect(issue.calls).toBe(1);
  await time.advance(1);
  expect(await secretOf(cache.get(nymblKey, issue))).toBe('token-1');
  await time.settle();
  expect(await secretOf(cache.get(nymblKey, issue))).toBe('token-2');
  expect(issue.calls).toBe(2);
});

test.each([
  [0, 246_000],
  [1, 234_000],
])('with the random number %d the renewal is due after %i ms', async (random, atMs) => {
  const { time, cache } = setUp({ random: () => random });
  const issue = createCountingIssue();
  await cache.get(nymblKey, issue);
  await time.advance(atMs - 1);
  await cache.get(nymblKey, issue);
  await time.settle();
  expect(issue.calls).toBe(1);
  await time.advance(2);
  await cache.get(nymblKey, issue);
  await time.settle();
  expect(issue.calls).toBe(2);
});

test('get returns the old token while a background renewal hangs, and after it failed', async () => {
  const { time, cache } = setUp();
  const { issue, pending } = createManualIssue();
  const first = cache.get(nymblKey, issue);
  await time.settle();
  pending[0]?.resolve(serverToken('old', 300));
  await first;
  await time.advance(250_000);
  expect(await secretOf(cache.get(nymblKey, issue))).toBe('old');
  await time.settle();
  expect(await secretOf(cache.get(nymblKey, issue))).toBe('old');
  expect(pending).toHaveLength(2);
  pending[1]?.reject(down);
  await time.settle();
  expect(await secretOf(cache.get(nymblKey, issue))).toBe('old');
  expect(pending).toHaveLength(2);
  await time.advance(1000);
  expect(await secretOf(cache.get(nymblKey, issue))).toBe('old');
  await time.settle();
  expect(pending).toHaveLength(3);
});

test('while the vendor is down, get returns the old token until only its minimum life is left, then rejects', async () => {
  const { time, cache } = setUp();
  let healthy = true;
  const issue = async (): Promise<ServerToken> => {
    if (!healthy) throw down;
    return serverToken('old', 300);
  };
  await cache.get(nymblKey, issue);
  healthy = false;
  for (let second = 0; second < 290; second += 1) {
    const { expiresInSeconds } = await cache.get(nymblKey, issue);
    expect(expiresInSeconds).toBe(300 - second);
    await time.advance(1000);
  }
  expect((await cache.get(nymblKey, issue)).expiresInSeconds).toBe(10);
  await time.advance(1);
  await expect(cache.get(nymblKey, issue)).rejects.toMatchObject({ code: 'vendor_unavailable' });
  expect((await cache.get(nymblKey, issue, { minRemainingSeconds: 9 })).expiresInSeconds).toBe(9);
  expect((await cache.get(nymblKey, issue, { minRemainingSeconds: 0 })).expiresInSeconds).toBe(9);
  await time.advance(9999);
  await expect(cache.get(nymblKey, issue, { minRemainingSeconds: 0 })).rejects.toMatchObject({
    code: 'vendor_unavailable',
  });
});

test('get requests a new token if the caller needs more life than the token has left', async () => {
  const { time, cache } = setUp();
  const issue = createCountingIssue();
  await cache.get(nymblKey, issue);
  await time.advance(100_000);
  expect(await secretOf(cache.get(nymblKey, issue, { minRemainingSeconds: 200 }))).toBe('token-1');
  expect(await secretOf(cache.get(nymblKey, issue, { minRemainingSeconds: 200.001 }))).toBe('token-2');
});

test('the option minRemainingSeconds applies to callers who do not pass minRemainingSeconds', async () => {
  const { time, cache } = setUp({ minRemainingSeconds: 200 });
  const issue = createCountingIssue();
  await cache.get(nymblKey, issue);
  await time.advance(100_000);
  expect(await secretOf(cache.get(nymblKey, issue))).toBe('token-1');
  await time.advance(1);
  expect(await secretOf(cache.get(nymblKey, issue, { minRemainingSeconds: 0 }))).toBe('token-1');
  expect(await secretOf(cache.get(nymblKey, issue))).toBe('token-2');
});

test.each([-1, Number.NaN, Number.POSITIVE_INFINITY])(
  'get throws a TypeError for a minRemainingSeconds of %d',
  async (minRemainingSeconds) => {
    const { cache } = setUp();
    const asked = cache.get(nymblKey, createCountingIssue(), { minRemainingSeconds });
    await expect(asked).rejects.toThrow(TypeError);
    await expect(asked).rejects.toThrow('minRemainingSeconds must be a number of seconds, zero or more.');
  },
);

test('get throws a TypeError for a key whose vendor is not text', async () => {
  const { cache } = setUp();
  await expect(cache.get({ vendor: 5 as never }, createCountingIssue())).rejects.toThrow(TypeError);
});

test('get rejects with life_too_short, after one call per token, if the caller needs more life than tokens have', async () => {
  const { time, cache } = setUp();
  const issue = createCountingIssue();
  const short = { code: 'vendor_response_invalid', vendor: 'nymbl', reason: 'life_too_short' };
  const ask = () => cache.get(nymblKey, issue, { minRemainingSeconds: 301 });
  await expect(ask()).rejects.toMatchObject({ ...short, retryAfterSeconds: 240 });
  await time.advance(100_500);
  await expect(ask()).rejects.toMatchObject({ ...short, retryAfterSeconds: 140 });
  expect(await secretOf(cache.get(nymblKey, issue))).toBe('token-1');
  expect(issue.calls).toBe(1);
  await time.advance(139_500);
  await expect(ask()).rejects.toMatchObject(short);
  expect(issue.calls).toBe(2);
});

test.each([
  ['absent', undefined, 60],
  ['text', '120', 120],
  ['not a number', 'soon', 60],
  ['beyond the maximum', 1e15, 86_400],
])('a token whose expiresInSeconds is %s (%j) lives for %i seconds', async (_, expiresIn, seconds) => {
  const { cache } = setUp();
  expect((await cache.get(nymblKey, async () => serverToken('token', expiresIn))).expiresInSeconds).toBe(seconds);
});

test.each([0, '0', -1, -1e9])(
  'a token whose expiresInSeconds is %j is a failure with a cool-down',
  async (expiresIn) => {
    const { time, cache } = setUp();
    const issue = createCountingIssue(expiresIn);
    const failure = { code: 'vendor_response_invalid', vendor: 'nymbl', reason: 'token_over' };
    await expect(cache.get(nymblKey, issue)).rejects.toMatchObject(failure);
    await expect(cache.get(nymblKey, issue)).rejects.toMatchObject({ ...failure, retryAfterSeconds: 1 });
    expect(issue.calls).toBe(1);
    await time.advance(1000);
    await expect(cache.get(nymblKey, issue)).rejects.toMatchObject(failure);
    expect(issue.calls).toBe(2);
  },
);

test('the life of a token counts from the call of issue, and a token that expires during the call is a failure', async () => {
  const { time, cache } = setUp();
  const { issue, pending } = createManualIssue();
  const late = cache.get(nymblKey, issue);
  await time.advance(3000);
  pending[0]?.resolve(serverToken('late', 3));
  await expect(late).rejects.toMatchObject({ reason: 'token_over' });
  await time.advance(1000);
  const short = cache.get(nymblKey, issue);
  await time.advance(3000);
  pending[1]?.resolve(serverToken('short', 20));
  expect((await short).expiresInSeconds).toBe(17);
});

test('a step of the wall clock does not change when a token expires', async () => {
  const { time, cache } = setUp();
  const issue = createCountingIssue();
  await cache.get(nymblKey, issue);
  for (const stepMs of [7_200_000, -14_400_000]) {
    time.stepWallClock(stepMs);
    expect((await cache.get(nymblKey, issue)).expiresInSeconds).toBe(300);
  }
  await time.advance(300_000);
  expect(await secretOf(cache.get(nymblKey, issue))).toBe('token-2');
});

test('if the vendor repeats its token, the cache calls it again after half of the remaining life', async () => {
  const { time, watched, events } = setUp();
  let calls = 0;
  const end = time.monotonicMs() + 300_000;
  const issue = async (): Promise<ServerToken> => {
    calls += 1;
    return serverToken('same', (end - time.monotonicMs()) / 1000);
  };
  const get = () => watched.get(nymblKey, issue);
  await get();
  const askedAtMs: number[] = [];
  for (let ms = 0; ms < 290_000; ms += 500) {
    const before = calls;
    await get();
    await time.settle();
    if (calls > before) askedAtMs.push(ms);
    await time.advance(500);
  }
  expect(askedAtMs).toEqual([240_000, 270_000, 285_000]);
  expect(events.filter((event) => event.type === 'refresh').map(({ same }) => same)).toEqual([false, true, true, true]);
});

test('a token that the vendor repeats does not expire later than before', async () => {
  const { time, cache } = setUp();
  const issue = async () => serverToken('same', 300);
  await cache.get(nymblKey, issue);
  await time.advance(240_000);
  await cache.get(nymblKey, issue);
  await time.settle();
  expect((await cache.get(nymblKey, issue)).expiresInSeconds).toBe(60);
  await time.advance(60_000);
  expect((await cache.get(nymblKey, issue)).expiresInSeconds).toBe(300);
});

test('a second get within a second does not call a vendor that repeats a token with too little life', async () => {
  const { time, cache } = setUp();
  let calls = 0;
  const end = time.monotonicMs() + 300_000;
  const issue = async (): Promise<ServerToken> => {
    calls += 1;
    return serverToken('same', (end - time.monotonicMs()) / 1000);
  };
  const ask = () => cache.get(nymblKey, issue, { minRemainingSeconds: 150 });
  await ask();
  await time.advance(200_000);
  await expect(ask()).rejects.toMatchObject({ reason: 'life_too_short' });
  await expect(ask()).rejects.toMatchObject({ reason: 'life_too_short' });
  expect(calls).toBe(2);
});

test('10,000 concurrent callers without a token cause one call to the vendor', async () => {
  const { time, cache } = setUp();
  const { issue, pending } = createManualIssue();
  const asked = Array.from({ length: 10_000 }, (_, index) => cache.get(index % 2 ? nymblKey : { ...nymblKey }, issue));
  await time.settle();
  expect(pending).toHaveLength(1);
  expect(cache.stats().renewals).toBe(1);
  pending[0]?.resolve(serverToken('one', 300));
  expect(new Set((await Promise.all(asked)).map(({ secret }) => secret.reveal()))).toEqual(new Set(['one']));
  expect(cache.stats()).toMatchObject({ waits: 10_000, issues: 1, renewals: 0 });
});

test('every waiting caller receives the failure, and so does every later caller until the cool-down ends', async () => {
  const { time, cache } = setUp();
  let calls = 0;
  let error: unknown = down;
  const issue = async (): Promise<ServerToken> => {
    calls += 1;
    if (error !== undefined) throw error;
    return serverToken('healed', 300);
  };
  const all = await Promise.allSettled(Array.from({ length: 100 }, () => cache.get(nymblKey, issue)));
  expect(new Set(all.map((result) => (result.status === 'rejected' ? result.reason : undefined)))).toEqual(
    new Set([down]),
  );
  expect(calls).toBe(1);
  await time.advance(400);
  await expect(cache.get(nymblKey, issue)).rejects.toMatchObject({ code: 'vendor_unavailable', retryAfterSeconds: 1 });
  expect(calls).toBe(1);
  expect(cache.stats()).toMatchObject({ failures: 1, cooldowns: 1 });
  error = undefined;
  await time.advance(600);
  expect(await secretOf(cache.get(nymblKey, issue))).toBe('healed');
});

test('the cool-down doubles up to 30 s and begins at 1 s again after a success', async () => {
  const { time, cache } = setUp();
  const callsMs: number[] = [];
  const issue = async (): Promise<ServerToken> => {
    callsMs.push(time.monotonicMs());
    if (callsMs.length === 8) return serverToken('brief', 1);
    throw down;
  };
  for (let ms = 0; ms < 100_000; ms += 100) {
    await cache.get(nymblKey, issue).catch(() => undefined);
    await time.advance(100);
  }
  const gaps = callsMs.slice(1, 11).map((atMs, index) => atMs - (callsMs[index] ?? 0));
  expect(gaps).toEqual([1000, 2000, 4000, 8000, 16_000, 30_000, 30_000, 500, 1000, 2000]);
});

test('the cache does not call the vendor before its Retry-After has passed', async () => {
  const { time, cache } = setUp();
  let calls = 0;
  const issue = async (): Promise<ServerToken> => {
    calls += 1;
    throw new ValetKeyError('vendor_rate_limited', 'Too many.', { retryAfterSeconds: 7 });
  };
  await expect(cache.get(nymblKey, issue)).rejects.toMatchObject({ retryAfterSeconds: 7 });
  await time.advance(6500);
  await expect(cache.get(nymblKey, issue)).rejects.toMatchObject({ code: 'vendor_rate_limited', retryAfterSeconds: 1 });
  expect(calls).toBe(1);
  await time.advance(500);
  await expect(cache.get(nymblKey, issue)).rejects.toMatchObject({ retryAfterSeconds: 7 });
  expect(calls).toBe(2);
});

test('get rejects with the error that issue throws synchronously, and no event contains the text of the error', async () => {
  const { watched, events } = setUp();
  const thrown = new Error('Bearer canary');
  const issue = (): Promise<ServerToken> => {
    throw thrown;
  };
  await expect(watched.get(nymblKey, issue)).rejects.toBe(thrown);
  await expect(watched.get(nymblKey, issue)).rejects.toBe(thrown);
  expect(JSON.stringify(events)).not.toContain('canary');
  expect(events.find(({ type }) => type === 'cooldown')).toMatchObject({ code: 'unknown' });
});

test('a caller who aborts does not end the renewal for other callers', async () => {
  const { time, cache } = setUp();
  const { issue, pending } = createManualIssue();
  const controller = new AbortController();
  const reason = new Error('gone');
  const leader = cache.get(nymblKey, issue, { signal: controller.signal });
  const follower = cache.get(nymblKey, issue, { signal: new AbortController().signal });
  await time.settle();
  controller.abort(reason);
  await expect(leader).rejects.toBe(reason);
  expect(pending[0]?.signal.aborted).toBe(false);
  pending[0]?.resolve(serverToken('one', 300));
  expect(await secretOf(follower)).toBe('one');
  expect(pending).toHaveLength(1);
});

test('get rejects a caller whose signal has already aborted, even if the token is in memory', async () => {
  const { cache } = setUp();
  const issue = createCountingIssue();
  const signal = AbortSignal.abort('gone');
  await expect(cache.get(nymblKey, issue, { signal })).rejects.toBe('gone');
  expect(issue.calls).toBe(0);
  await cache.get(nymblKey, issue);
  await expect(cache.get(nymblKey, issue, { signal })).rejects.toBe('gone');
  const open = new AbortController().signal;
  expect(await secretOf(cache.get(nymblKey, issue, { signal: open }))).toBe('token-1');
});

test('a failure reaches callers with and without a signal', async () => {
  const { time, cache } = setUp();
  const { issue, pending } = createManualIssue();
  const controller = new AbortController();
  const all = [cache.get(nymblKey, issue), cache.get(nymblKey, issue, { signal: controller.signal })];
  await time.settle();
  pending[0]?.reject(down);
  expect(await Promise.allSettled(all)).toEqual(all.map(() => ({ status: 'rejected', reason: down })));
});

test('the cache aborts a call of issue that hangs after issueTimeoutMs, and a later get calls issue again', async () => {
  const { time, cache } = setUp({ issueTimeoutMs: 5000 });
  const { issue, pending } = createManualIssue();
  const hung = Promise.allSettled([cache.get(nymblKey, issue), cache.get(nymblKey, issue)]);
  await time.advance(4999);
  expect(pending[0]?.signal.aborted).toBe(false);
  await time.advance(1);
  const results = await hung;
  const deadline = {
    code: 'vendor_timeout',
    vendor: 'nymbl',
    reason: 'issue_deadline',
    message: 'No token was issued within 5000 ms.',
  };
  expect(results).toEqual(results.map(() => ({ status: 'rejected', reason: expect.objectContaining(deadline) })));
  expect(pending[0]?.signal.aborted).toBe(true);
  expect(time.pendingTimers()).toBe(0);
  pending[0]?.resolve(serverToken('too late', 300));
  await time.advance(1000);
  const next = cache.get(nymblKey, issue);
  await time.settle();
  pending[1]?.resolve(serverToken('next', 300));
  expect(await secretOf(next)).toBe('next');
});

test('a caller who needs more life waits for the background renewal that is under way', async () => {
  const { time, watched, events } = setUp();
  const { issue, pending } = createManualIssue();
  const first = watched.get(nymblKey, issue);
  await time.settle();
  pending[0]?.resolve(serverToken('old', 300));
  await first;
  await time.advance(289_000);
  await watched.get(nymblKey, issue);
  await time.settle();
  const joined = watched.get(nymblKey, issue, { minRemainingSeconds: 100 });
  await time.settle();
  expect(pending).toHaveLength(2);
  pending[1]?.resolve(serverToken('new', 300));
  expect(await secretOf(joined)).toBe('new');
  expect(events.filter(({ type }) => type === 'issue')).toEqual([
    { type: 'issue', key: nymblKey, background: false },
    { type: 'issue', key: nymblKey, background: true },
  ]);
  expect(events.filter(({ type }) => type === 'refresh')).toMatchObject([
    { background: false, lifetimeSeconds: 300, durationMs: 0, same: false },
    { background: false, lifetimeSeconds: 300, durationMs: 0, same: false },
  ]);
});

test('the listener receives every event, and no event contains a token', async () => {
  const { time, watched, events } = setUp();
  await watched.get(nymblKey, async () => serverToken('canary', 300));
  await watched.get(nymblKey, async () => serverToken('canary', 300));
  await watched.get(nymblKey, async () => serverToken('canary', 300), { minRemainingSeconds: 5 });
  await time.advance(300_000);
  await expect(watched.get(nymblKey, () => Promise.reject(down))).rejects.toBe(down);
  expect(events.map(({ type }) => type)).toEqual([
    'wait',
    'issue',
    'refresh',
    'hit',
    'hit',
    'wait',
    'issue',
    'failure',
  ]);
  expect(events.at(-1)).toEqual({
    type: 'failure',
    key: nymblKey,
    background: false,
    code: 'vendor_unavailable',
    reason: undefined,
    attempts: 1,
    cooldownMs: 1000,
  });
  expect(JSON.stringify(events)).not.toContain('canary');
  expect(watched.stats().hits).toBe(2);
});

test('get rejects with life_too_short if each new token is invalidated at once', async () => {
  const time = createVirtualTime();
  const issue = createCountingIssue();
  const cache = createTokenCache({
    clock: time,
    timers: time,
    onEvent: ({ type }) => {
      if (type === 'refresh') void cache.invalidate(nymblKey, serverToken(`token-${issue.calls}`));
    },
  });
  const failure = { code: 'vendor_response_invalid', reason: 'life_too_short', retryAfterSeconds: 1 };
  await expect(cache.get(nymblKey, issue)).rejects.toMatchObject(failure);
  expect(issue.calls).toBe(3);
});

test('get returns a token from memory only to callers for whom its remaining life is enough', async () => {
  const { time, cache, watched, events } = setUp();
  const issue = createCountingIssue();
  await cache.get(nymblKey, issue);
  await time.advance(500);
  const first = await cache.get(nymblKey, issue, {});
  const { signal } = new AbortController();
  expect(await cache.get(nymblKey, issue, { minRemainingSeconds: 299.5, signal })).toBe(first);
  expect(await cache.get(nymblKey, issue, { minRemainingSeconds: undefined })).toBe(first);
  await expect(cache.get(nymblKey, issue, { signal: AbortSignal.abort('gone') })).rejects.toBe('gone');
  expect(issue.calls).toBe(1);
  await expect(cache.get(nymblKey, issue, { minRemainingSeconds: 299.501 })).resolves.not.toBe(first);
  expect(issue.calls).toBe(2);
  expect(cache.stats().hits).toBe(3);
  await watched.get(nymblKey, issue);
  await time.advance(500);
  await watched.get(nymblKey, issue);
  await watched.get(nymblKey, issue);
  expect(events.filter(({ type }) => type === 'hit')).toEqual([
    { type: 'hit', key: nymblKey },
    { type: 'hit', key: nymblKey },
  ]);
  expect(watched.stats().hits).toBe(2);
});

test('a full cache evicts its only key that is not being renewed, even behind 2,499 keys that are', async () => {
  const { time, cache } = setUp({ maxEntries: 2500 });
  const { issue, pending } = createManualIssue();
  const failures = Array.from({ length: 2499 }, (_, index) =>
    cache.get({ vendor: 'nymbl', scope: `${index}` }, issue).catch((error: unknown) => error),
  );
  await time.settle();
  await cache.get({ vendor: 'nymbl', scope: 'idle' }, createCountingIssue());
  expect(await secretOf(cache.get(nymblKey, createCountingIssue()))).toBe('token-1');
  expect(cache.stats()).toMatchObject({ entries: 2500, evictions: 1, renewals: 2499 });
  for (const { reject } of pending) reject(down);
  await Promise.all(failures);
});

test('get of a new key rejects with overloaded while each of maxEntries keys is being renewed', async () => {
  const { time, cache } = setUp({ maxEntries: 2 });
  const { issue, pending } = createManualIssue();
  const waiting = ['a', 'b'].map((scope) => cache.get({ vendor: 'nymbl', scope }, issue));
  await time.settle();
  await expect(cache.get(nymblKey, createCountingIssue())).rejects.toMatchObject({ code: 'overloaded' });
  pending[0]?.resolve(serverToken('one', 300));
  await waiting[0];
  expect(await secretOf(cache.get(nymblKey, createCountingIssue()))).toBe('token-1');
  pending[1]?.resolve(serverToken('two', 300));
  await waiting[1];
});

test('a full cache evicts its only key, and not a key that was cleared during its renewal', async () => {
  const { time, cache } = setUp({ maxEntries: 1 });
  const { issue, pending } = createManualIssue();
  const waiting = cache.get(nymblKey, issue);
  await time.settle();
  cache.clear();
  pending[0]?.resolve(serverToken('one', 300));
  await waiting;
  await cache.get({ vendor: 'nymbl', scope: 'a' }, createCountingIssue());
  await cache.get({ vendor: 'nymbl', scope: 'b' }, createCountingIssue());
  expect(cache.stats()).toMatchObject({ entries: 1, evictions: 1 });
});

test('clear removes every token, and waiting callers still receive theirs', async () => {
  const { time, cache } = setUp();
  const issue = createCountingIssue();
  await cache.get(nymblKey, issue);
  cache.clear();
  expect(cache.stats().entries).toBe(0);
  const manual = createManualIssue();
  const waiting = cache.get(nymblKey, manual.issue);
  await time.settle();
  cache.clear();
  manual.pending[0]?.resolve(serverToken('under way', 300));
  expect((await waiting).secret.reveal()).toBe('under way');
  expect((await cache.get(nymblKey, issue)).secret.reveal()).toBe('token-2');
});

test('close ends every renewal, refuses later calls, and leaves no timer', async () => {
  const { time, cache } = setUp();
  const closed = { code: 'overloaded', vendor: 'nymbl', reason: 'closed', message: 'The token cache is closed.' };
  const { issue, pending } = createManualIssue();
  await cache.get({ vendor: 'other' }, createCountingIssue());
  const waiting = cache.get(nymblKey, issue);
  await time.settle();
  const closing = cache.close();
  await expect(waiting).rejects.toMatchObject(closed);
  await closing;
  expect(pending[0]?.signal.aborted).toBe(true);
  expect(time.pendingTimers()).toBe(0);
  expect(cache.stats()).toMatchObject({ failures: 0, renewals: 0, entries: 0 });
  await expect(cache.get(nymblKey, createCountingIssue())).rejects.toMatchObject(closed);
  await expect(cache.get({ vendor: 'other' }, createCountingIssue())).rejects.toMatchObject({
    ...closed,
    vendor: 'other',
  });
  await cache.close();
});
