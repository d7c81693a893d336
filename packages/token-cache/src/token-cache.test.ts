import { type ClientToken, Secret, type ServerToken, ValetKeyError } from '@valetkey/core-types';
import { expect, test } from 'vitest';
import { createTokenCache, type TokenCacheEvent, type TokenCacheOptions } from './index.ts';
import { countingIssue, nymblKey, serverToken } from './testing/server-token.ts';
import { createVirtualTime } from './testing/virtual-time.ts';

const setUp = (options: TokenCacheOptions = {}) => {
  const time = createVirtualTime();
  const events: TokenCacheEvent[] = [];
  const settings = { clock: time, timers: time, random: () => 0.5, ...options };
  const cache = createTokenCache(options.onEvent === undefined ? settings : { ...settings, onEvent: options.onEvent });
  const watched = createTokenCache({ ...settings, onEvent: (event) => events.push(event) });
  return { time, cache, watched, events };
};

const text = async (token: Promise<ServerToken>): Promise<string> => (await token).secret.reveal();

/** An issue that answers or fails when it is told to. */
const manualIssue = () => {
  const pending: { resolve: (token: ServerToken) => void; reject: (error: unknown) => void; signal: AbortSignal }[] =
    [];
  const issue = ({ signal }: { signal: AbortSignal }): Promise<ServerToken> =>
    new Promise((resolve, reject) => void pending.push({ resolve, reject, signal }));
  return { issue, pending };
};

const down = new ValetKeyError('vendor_unavailable', 'Down.', { vendor: 'nymbl' });

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
  expect(cache.stats()).toMatchObject({ hits: 1, waits: 1, issues: 1, refreshes: 1, entries: 1, renewals: 0 });
  expect(cache.stats().storeReachable).toBeUndefined();
});

test('answers one frozen object a second', async () => {
  const { time, cache } = setUp();
  const issue = countingIssue();
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

test('keeps keys apart', async () => {
  const { cache } = setUp();
  const issue = countingIssue();
  expect(await text(cache.get(nymblKey, issue))).toBe('token-1');
  for (const [index, part] of ['vendor', 'client', 'scope', 'resource', 'secretVersion'].entries()) {
    expect(await text(cache.get({ ...nymblKey, [part]: 'other' }, issue))).toBe(`token-${index + 2}`);
  }
  expect(await text(cache.get(nymblKey, issue))).toBe('token-1');
});

test('keeps account-bound client tokens, and refuses user-bound ones that were cast past the type', async () => {
  const { cache } = setUp();
  const account: ClientToken<'account'> = {
    kind: 'client',
    bound: 'account',
    vendor: 'nudge',
    fields: { token: new Secret('nudge-token') },
    expiresInSeconds: 3600,
  };
  expect(await cache.get({ vendor: 'nudge' }, async () => account)).toEqual(account);
  const patient = { ...account, bound: 'user' } as unknown as ClientToken<'account'>;
  await expect(cache.get({ vendor: 'nabla' }, async () => patient)).rejects.toThrow(TypeError);
  await expect(cache.get({ vendor: 'nabla' }, async () => account)).rejects.toThrow(TypeError);
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
  expect(await text(cache.get(nymblKey, issue))).toBe('token-1');
  await time.settle();
  expect(await text(cache.get(nymblKey, issue))).toBe('token-2');
  expect(issue.calls).toBe(2);
});

test.each([
  [0, 246_000],
  [1, 234_000],
])('jitters the refresh by a tenth of the margin (chance %f: after %i ms)', async (chance, atMs) => {
  const { time, cache } = setUp({ random: () => chance });
  const issue = countingIssue();
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

test('a background refresh that hangs or fails costs nobody anything while the old token lives', async () => {
  const { time, cache } = setUp();
  const { issue, pending } = manualIssue();
  const first = cache.get(nymblKey, issue);
  await time.settle();
  pending[0]?.resolve(serverToken('old', 300));
  await first;
  await time.advance(250_000);
  expect(await text(cache.get(nymblKey, issue))).toBe('old');
  await time.settle();
  expect(await text(cache.get(nymblKey, issue))).toBe('old');
  expect(pending).toHaveLength(2);
  pending[1]?.reject(down);
  await time.settle();
  expect(await text(cache.get(nymblKey, issue))).toBe('old');
  expect(pending).toHaveLength(2);
  await time.advance(1000);
  expect(await text(cache.get(nymblKey, issue))).toBe('old');
  await time.settle();
  expect(pending).toHaveLength(3);
});

test('with the vendor down, serves the old token until its end less the minimum, then tells the failure', async () => {
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

test('callers get the life that they ask for', async () => {
  const { time, cache } = setUp();
  const issue = countingIssue();
  await cache.get(nymblKey, issue);
  await time.advance(100_000);
  expect(await text(cache.get(nymblKey, issue, { minRemainingSeconds: 200 }))).toBe('token-1');
  expect(await text(cache.get(nymblKey, issue, { minRemainingSeconds: 200.001 }))).toBe('token-2');
});

test('the minimum of the options is for callers who ask for none', async () => {
  const { time, cache } = setUp({ minRemainingSeconds: 200 });
  const issue = countingIssue();
  await cache.get(nymblKey, issue);
  await time.advance(100_000);
  expect(await text(cache.get(nymblKey, issue))).toBe('token-1');
  await time.advance(1);
  expect(await text(cache.get(nymblKey, issue, { minRemainingSeconds: 0 }))).toBe('token-1');
  expect(await text(cache.get(nymblKey, issue))).toBe('token-2');
});

test.each([-1, Number.NaN, Number.POSITIVE_INFINITY])(
  'refuses to promise a life of %d s',
  async (minRemainingSeconds) => {
    const { cache } = setUp();
    const asked = cache.get(nymblKey, countingIssue(), { minRemainingSeconds });
    await expect(asked).rejects.toThrow('minRemainingSeconds must be a number of seconds, zero or more.');
  },
);

test('refuses a key that is none', async () => {
  const { cache } = setUp();
  await expect(cache.get({ vendor: 5 as never }, countingIssue())).rejects.toThrow(TypeError);
});

test('a need beyond the life of any token is refused, with one call per fresh token', async () => {
  const { time, cache } = setUp();
  const issue = countingIssue();
  const short = { code: 'vendor_response_invalid', vendor: 'nymbl', reason: 'life_too_short' };
  const ask = () => cache.get(nymblKey, issue, { minRemainingSeconds: 301 });
  await expect(ask()).rejects.toMatchObject({ ...short, retryAfterSeconds: 240 });
  await time.advance(100_500);
  await expect(ask()).rejects.toMatchObject({ ...short, retryAfterSeconds: 140 });
  expect(await text(cache.get(nymblKey, issue))).toBe('token-1');
  expect(issue.calls).toBe(1);
  await time.advance(139_500);
  await expect(ask()).rejects.toMatchObject(short);
  expect(issue.calls).toBe(2);
});

test.each([
  ['absent', undefined, 60],
  ['text', '120', 120],
  ['nonsense', 'soon', 60],
  ['absurd', 1e15, 86_400],
])('an expires_in that is %s has its meaning', async (_, said, seconds) => {
  const { cache } = setUp();
  expect((await cache.get(nymblKey, async () => serverToken('token', said))).expiresInSeconds).toBe(seconds);
});

test.each([0, '0', -1, -1e9])('a token that lives %o s is a failure, and cooled down like one', async (said) => {
  const { time, cache } = setUp();
  const issue = countingIssue(said);
  const failure = { code: 'vendor_response_invalid', vendor: 'nymbl', reason: 'token_over' };
  await expect(cache.get(nymblKey, issue)).rejects.toMatchObject(failure);
  await expect(cache.get(nymblKey, issue)).rejects.toMatchObject({ ...failure, retryAfterSeconds: 1 });
  expect(issue.calls).toBe(1);
  await time.advance(1000);
  await expect(cache.get(nymblKey, issue)).rejects.toMatchObject(failure);
  expect(issue.calls).toBe(2);
});

test('a life counts from the asking: a token that is over when it arrives is not served', async () => {
  const { time, cache } = setUp();
  const { issue, pending } = manualIssue();
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

test('a wall clock that is stepped does no harm', async () => {
  const { time, cache } = setUp();
  const issue = countingIssue();
  await cache.get(nymblKey, issue);
  for (const stepMs of [7_200_000, -14_400_000]) {
    time.stepWallClock(stepMs);
    expect((await cache.get(nymblKey, issue)).expiresInSeconds).toBe(300);
  }
  await time.advance(300_000);
  expect(await text(cache.get(nymblKey, issue))).toBe('token-2');
});

test('the same token again is a reason to ask less often', async () => {
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

test('the same token again never lives longer for it', async () => {
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

test('the same token again, for a caller who needs more: asked for once a second', async () => {
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

test('10,000 callers who miss at once make one call', async () => {
  const { time, cache } = setUp();
  const { issue, pending } = manualIssue();
  const asked = Array.from({ length: 10_000 }, (_, index) => cache.get(index % 2 ? nymblKey : { ...nymblKey }, issue));
  await time.settle();
  expect(pending).toHaveLength(1);
  expect(cache.stats().renewals).toBe(1);
  pending[0]?.resolve(serverToken('one', 300));
  expect(new Set((await Promise.all(asked)).map(({ secret }) => secret.reveal()))).toEqual(new Set(['one']));
  expect(cache.stats()).toMatchObject({ waits: 10_000, issues: 1, renewals: 0 });
});

test('a failure is shared with those who wait, remembered for a while, and never taken for success', async () => {
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
  expect(await text(cache.get(nymblKey, issue))).toBe('healed');
});

test('the cool-down doubles up to 30 s, and starts anew after a success', async () => {
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

test('Retry-After is honoured', async () => {
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

test('an issue that throws at once, and what, is a failure like any other', async () => {
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

test("a caller who gives up ends his own wait and nobody else's", async () => {
  const { time, cache } = setUp();
  const { issue, pending } = manualIssue();
  const controller = new AbortController();
  const reason = new Error('gone');
  const leader = cache.get(nymblKey, issue, { signal: controller.signal });
  const follower = cache.get(nymblKey, issue, { signal: new AbortController().signal });
  await time.settle();
  controller.abort(reason);
  await expect(leader).rejects.toBe(reason);
  expect(pending[0]?.signal.aborted).toBe(false);
  pending[0]?.resolve(serverToken('one', 300));
  expect(await text(follower)).toBe('one');
  expect(pending).toHaveLength(1);
});

test('a caller who has given up already gets nothing, not even what is there', async () => {
  const { cache } = setUp();
  const issue = countingIssue();
  const signal = AbortSignal.abort('gone');
  await expect(cache.get(nymblKey, issue, { signal })).rejects.toBe('gone');
  expect(issue.calls).toBe(0);
  await cache.get(nymblKey, issue);
  await expect(cache.get(nymblKey, issue, { signal })).rejects.toBe('gone');
  const open = new AbortController().signal;
  expect(await text(cache.get(nymblKey, issue, { signal: open }))).toBe('token-1');
});

test('a failure reaches callers with and without a signal, and leaves no listener', async () => {
  const { time, cache } = setUp();
  const { issue, pending } = manualIssue();
  const controller = new AbortController();
  const all = [cache.get(nymblKey, issue), cache.get(nymblKey, issue, { signal: controller.signal })];
  await time.settle();
  pending[0]?.reject(down);
  expect(await Promise.allSettled(all)).toEqual(all.map(() => ({ status: 'rejected', reason: down })));
});

test('an issue that hangs ends at its deadline, is told so, and frees the key', async () => {
  const { time, cache } = setUp({ issueTimeoutMs: 5000 });
  const { issue, pending } = manualIssue();
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
  expect(await text(next)).toBe('next');
});

test('who joins a background refresh waits for it', async () => {
  const { time, watched, events } = setUp();
  const { issue, pending } = manualIssue();
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
  expect(await text(joined)).toBe('new');
  expect(events.filter(({ type }) => type === 'issue')).toEqual([
    { type: 'issue', key: nymblKey, background: false },
    { type: 'issue', key: nymblKey, background: true },
  ]);
  expect(events.filter(({ type }) => type === 'refresh')).toMatchObject([
    { background: false, lifetimeSeconds: 300, durationMs: 0, same: false },
    { background: false, lifetimeSeconds: 300, durationMs: 0, same: false },
  ]);
});

test('tells its listener what happens, without a token', async () => {
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

test('a caller whose tokens are refused as fast as they come is told so', async () => {
  const time = createVirtualTime();
  const issue = countingIssue();
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

test('what is there serves each caller whom it suits, and those alone', async () => {
  const { time, cache, watched, events } = setUp();
  const issue = countingIssue();
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
