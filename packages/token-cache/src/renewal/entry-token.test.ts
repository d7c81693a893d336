import { expect, test } from 'vitest';
import type { StoredToken } from '../stores/store-types.ts';
import { nymblKey, serverToken, secretOf } from '../testing/server-token.ts';
import { createVirtualTime } from '../testing/virtual-time.ts';
import { createEntry, type Entry } from './entry.ts';
import {
  adoptToken,
  dropToken,
  hasLifeLeft,
  nextIssueAtMs,
  receiveToken,
  serveToken,
  toStoredToken,
} from './entry-token.ts';
import type { RenewalSettings } from './renewal-settings.ts';

const startMs = 1_000_000;

function setUp() {
  const time = createVirtualTime(startMs);
  const settings: RenewalSettings = {
    refreshMarginSeconds: 60,
    defaultLifetimeSeconds: 60,
    maxLifetimeSeconds: 86_400,
    cooldownSeconds: 2,
    maxCooldownSeconds: 30,
    issueTimeoutMs: 10_000,
    leaseMs: 3000,
    clock: time,
    timers: time,
    random: () => 0.5,
  };
  const entry = createEntry(nymblKey);
  const receive = (text: string, lifetimeMs: number): boolean =>
    receiveToken(entry, serverToken(text), { startedAtMs: time.monotonicMs(), lifetimeMs }, settings);
  return { time, settings, entry, receive };
}

/** Returns the token of an entry as a caller receives it. */
function serve(entry: Entry, nowMs: number) {
  return serveToken(entry, nowMs) as Promise<ReturnType<typeof serverToken>>;
}

test('hasLifeLeft is true until the token expires, and while exactly the minimum remains', () => {
  const { entry } = setUp();
  entry.expiresAtMs = 5000;
  expect([hasLifeLeft(entry, 4999, 0), hasLifeLeft(entry, 5000, 0)]).toEqual([true, false]);
  expect([hasLifeLeft(entry, 4000, 1000), hasLifeLeft(entry, 4001, 1000)]).toEqual([true, false]);
});

test.each([
  [
    'the vendor repeated a token that had enough life',
    'cooldownSeconds after the repetition',
    1000,
    { repeatedAtMs: 7000 },
    9000,
  ],
  [
    'the token never had enough life',
    'when it is due for a renewal',
    1001,
    { refreshAtMs: 8000, receivedAtMs: 5000 },
    8000,
  ],
  [
    'the token never had enough life and is due at once',
    'cooldownSeconds after its arrival',
    1001,
    { refreshAtMs: 6000, receivedAtMs: 5000 },
    7000,
  ],
  [
    'the token never had enough life and expires soon',
    'when it expires',
    1001,
    { refreshAtMs: 8000, receivedAtMs: 5000, expiresAtMs: 6500 },
    6500,
  ],
])('if %s, nextIssueAtMs is %s', (_, _moment, minRemainingMs, moments, expected) => {
  const { entry, settings } = setUp();
  Object.assign(entry, { lifeMs: 1000, expiresAtMs: 100_000, ...moments });
  expect(nextIssueAtMs(entry, minRemainingMs, settings)).toBe(expected);
});

test('serveToken returns the same promise until the next second of the life begins, or the token changes', async () => {
  const { time, entry, receive } = setUp();
  receive('token', 300_000);
  const first = serve(entry, startMs + 500);
  expect((await first).expiresInSeconds).toBe(299);
  expect(serve(entry, startMs + 999)).toBe(first);
  expect(entry.servedUntilMs).toBe(startMs + 1000);
  expect(serve(entry, startMs + 1000)).not.toBe(first);
  await time.advance(1000);
  receive('other', 300_000);
  expect(await secretOf(serve(entry, startMs + 1000))).toBe('other');
});

test('serveToken reuses its promise until the renewal is due or only the minimum life is left', () => {
  const { entry, receive } = setUp();
  receive('token', 300_000);
  serve(entry, startMs + 239_500);
  expect(entry.servedUntilMs).toBe(startMs + 240_000);
  Object.assign(entry, { refreshAtMs: startMs + 400_000, minRemainingMs: 10_500 });
  serve(entry, startMs + 289_200);
  expect(entry.servedUntilMs).toBe(startMs + 289_500);
});

test('receiveToken sets the moments of a new token and forgets the failure and the refused token', () => {
  const { entry, receive } = setUp();
  Object.assign(entry, { failure: {}, refused: serverToken('refused'), repeatedAtMs: 5 });
  expect(receive('token', 300_000)).toBe(false);
  expect(entry).toMatchObject({
    expiresAtMs: startMs + 300_000,
    refreshAtMs: startMs + 240_000,
    receivedAtMs: startMs,
    lifeMs: 300_000,
    minRemainingMs: 10_000,
    repeatedAtMs: Number.NEGATIVE_INFINITY,
    failure: undefined,
    refused: undefined,
  });
});

test.each([
  [100_000, 50_000],
  [3000, 2000],
])('a repeated token with %i ms left is due for a renewal after %i ms', async (leftMs, refreshAfterMs) => {
  const { time, entry, receive } = setUp();
  receive('token', leftMs + 1000);
  await time.advance(1000);
  expect(receive('token', 300_000)).toBe(true);
  expect(entry).toMatchObject({
    expiresAtMs: startMs + 1000 + leftMs,
    refreshAtMs: startMs + 1000 + refreshAfterMs,
    repeatedAtMs: startMs + 1000,
  });
});

test('receiveToken accepts an earlier expiry of a repeated token', async () => {
  const { time, entry, receive } = setUp();
  receive('token', 300_000);
  await time.advance(1000);
  receive('token', 50_000);
  expect(entry.expiresAtMs).toBe(startMs + 51_000);
});

test('receiveToken accepts a later expiry of a repeated token that had expired', async () => {
  const { time, entry, receive } = setUp();
  receive('token', 1000);
  await time.advance(1000);
  expect(receive('token', 5000)).toBe(true);
  expect(entry.expiresAtMs).toBe(startMs + 6000);
});

test('receiveToken throws vendor_response_invalid for a token that lives zero seconds', () => {
  const { receive } = setUp();
  expect(() => receive('token', 0)).toThrow(
    expect.objectContaining({
      code: 'vendor_response_invalid',
      vendor: 'nymbl',
      reason: 'token_over',
      message: 'The vendor issued a token that has already expired.',
    }),
  );
});

/** The clock of the store minus the monotonic clock of this process. */
const aheadMs = 5_000_000;

function storedToken(text: string, change: Partial<StoredToken> = {}): StoredToken {
  const nowMs = startMs + aheadMs;
  return {
    token: serverToken(text),
    expiresAtMs: nowMs + 300_000,
    refreshAtMs: nowMs + 240_000,
    lifeMs: 290_000,
    ...change,
  };
}

function adopt(entry: Entry, settings: RenewalSettings, stored: StoredToken | undefined): boolean {
  return adoptToken(entry, { nowMs: startMs + aheadMs, stored }, startMs, settings);
}

test('adoptToken converts the moments of a stored token to the monotonic clock', () => {
  const { entry, settings } = setUp();
  expect(adopt(entry, settings, storedToken('stored', { repeatedAtMs: startMs + aheadMs - 7 }))).toBe(true);
  expect(entry).toMatchObject({
    token: { vendor: 'nymbl' },
    expiresAtMs: startMs + 300_000,
    refreshAtMs: startMs + 240_000,
    lifeMs: 290_000,
    repeatedAtMs: startMs - 7,
  });
});

test.each([
  ['that is absent', undefined],
  ['that expires when its own token expires', storedToken('stored', { expiresAtMs: startMs + aheadMs + 1000 })],
  ['that was reported as refused', storedToken('refused')],
])('adoptToken leaves an entry as it is for a stored token %s', (_, stored) => {
  const { entry, settings, receive } = setUp();
  receive('own', 1000);
  entry.refused = serverToken('refused');
  expect(adopt(entry, settings, stored)).toBe(false);
  expect(entry.expiresAtMs).toBe(startMs + 1000);
});

test('adoptToken ignores a stored token that expires now, and adopts one that expires a millisecond later', () => {
  const { entry, settings } = setUp();
  expect(adopt(entry, settings, storedToken('stored', { expiresAtMs: startMs + aheadMs }))).toBe(false);
  expect(adopt(entry, settings, storedToken('stored', { expiresAtMs: startMs + aheadMs + 1 }))).toBe(true);
});

test('adoptToken copies only a later repetition from a stored token that the entry already has', () => {
  const { entry, settings, receive } = setUp();
  receive('own', 1000);
  const { refreshAtMs } = entry;
  expect(adopt(entry, settings, storedToken('own'))).toBe(false);
  expect(entry).toMatchObject({ refreshAtMs, lifeMs: 1000, repeatedAtMs: Number.NEGATIVE_INFINITY });
  expect(adopt(entry, settings, storedToken('own', { repeatedAtMs: startMs + aheadMs }))).toBe(false);
  const learnt = { refreshAtMs: startMs + 240_000, lifeMs: 290_000, repeatedAtMs: startMs };
  expect(entry).toMatchObject({ ...learnt, expiresAtMs: startMs + 1000 });
});

test('toStoredToken converts the moments of a token to the clock of the store', () => {
  const { entry, receive } = setUp();
  const reading = { nowMs: startMs + aheadMs };
  expect(toStoredToken(entry, reading, startMs)).toBeUndefined();
  receive('own', 300_000);
  expect(toStoredToken(entry, reading, startMs)).toEqual({
    token: entry.token,
    expiresAtMs: startMs + aheadMs + 300_000,
    refreshAtMs: startMs + aheadMs + 240_000,
    lifeMs: 300_000,
    repeatedAtMs: undefined,
  });
  entry.repeatedAtMs = startMs - 5;
  expect(toStoredToken(entry, reading, startMs)?.repeatedAtMs).toBe(startMs + aheadMs - 5);
});

test('dropToken remembers the token as refused and leaves no life', () => {
  const { entry, receive } = setUp();
  receive('token', 300_000);
  serve(entry, startMs);
  const { token } = entry;
  dropToken(entry);
  expect(entry).toMatchObject({ token: undefined, refused: token });
  expect(hasLifeLeft(entry, startMs, 0)).toBe(false);
  expect([entry.servedUntilMs, entry.refreshAtMs]).toEqual([Number.NEGATIVE_INFINITY, Number.NEGATIVE_INFINITY]);
});
