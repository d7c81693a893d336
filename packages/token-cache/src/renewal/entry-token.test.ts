import { expect, test } from 'vitest';
import type { StoredToken } from '../stores/store-types.ts';
import { nymblKey, serverToken, textOf } from '../testing/server-token.ts';
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

test('a token has life left until the millisecond before its expiry, and its minimum counts in full', () => {
  const { entry } = setUp();
  entry.expiresAtMs = 5000;
  expect([hasLifeLeft(entry, 4999, 0), hasLifeLeft(entry, 5000, 0)]).toEqual([true, false]);
  expect([hasLifeLeft(entry, 4000, 1000), hasLifeLeft(entry, 4001, 1000)]).toEqual([true, false]);
});

test.each([
  ['the vendor repeated a token that was long enough', 1000, { repeatedAtMs: 7000 }, 9000],
  ['the token was never long enough and is fresh', 1001, { refreshAtMs: 8000, receivedAtMs: 5000 }, 8000],
  ['the token was never long enough and has just arrived', 1001, { refreshAtMs: 6000, receivedAtMs: 5000 }, 7000],
  ['the token expires before that', 1001, { refreshAtMs: 8000, receivedAtMs: 5000, expiresAtMs: 6500 }, 6500],
])('when %s, the vendor is called at the right moment', (_, minRemainingMs, moments, expected) => {
  const { entry, settings } = setUp();
  Object.assign(entry, { lifeMs: 1000, expiresAtMs: 100_000, ...moments });
  expect(nextIssueAtMs(entry, minRemainingMs, settings)).toBe(expected);
});

test('serveToken returns one promise until the next second of the life begins', async () => {
  const { time, entry, receive } = setUp();
  receive('token', 300_000);
  const first = serve(entry, startMs + 500);
  expect((await first).expiresInSeconds).toBe(299);
  expect(serve(entry, startMs + 999)).toBe(first);
  expect(entry.servedUntilMs).toBe(startMs + 1000);
  expect(serve(entry, startMs + 1000)).not.toBe(first);
  await time.advance(1000);
  receive('other', 300_000);
  expect(await textOf(serve(entry, startMs + 1000))).toBe('other');
});

test('a token is served from memory no longer than until its refresh or its minimum life', () => {
  const { entry, receive } = setUp();
  receive('token', 300_000);
  serve(entry, startMs + 239_500);
  expect(entry.servedUntilMs).toBe(startMs + 240_000);
  Object.assign(entry, { refreshAtMs: startMs + 400_000, minRemainingMs: 10_500 });
  serve(entry, startMs + 289_200);
  expect(entry.servedUntilMs).toBe(startMs + 289_500);
});

test('a new token is due for a refresh a margin before its expiry, and ends what the entry remembered', () => {
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
])('a repeated token with %i ms left is due for a refresh after %i ms', async (leftMs, refreshAfterMs) => {
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

test('a repeated token may expire earlier than it did', async () => {
  const { time, entry, receive } = setUp();
  receive('token', 300_000);
  await time.advance(1000);
  receive('token', 50_000);
  expect(entry.expiresAtMs).toBe(startMs + 51_000);
});

test('a repeated token whose life had ended has the life that the vendor says', async () => {
  const { time, entry, receive } = setUp();
  receive('token', 1000);
  await time.advance(1000);
  expect(receive('token', 5000)).toBe(true);
  expect(entry.expiresAtMs).toBe(startMs + 6000);
});

test('a token without life is refused with the code vendor_response_invalid', () => {
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

/** The clock of the store is this far ahead of the monotonic clock. */
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

test('an entry adopts a token from the store, with its moments on the monotonic clock', () => {
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
  ['that expires with its own', storedToken('stored', { expiresAtMs: startMs + aheadMs + 1000 })],
  ['that it reported as refused', storedToken('refused')],
])('an entry does not adopt a token %s', (_, stored) => {
  const { entry, settings, receive } = setUp();
  receive('own', 1000);
  entry.refused = serverToken('refused');
  expect(adopt(entry, settings, stored)).toBe(false);
  expect(entry.expiresAtMs).toBe(startMs + 1000);
});

test('an entry without a token does not adopt one that expires now', () => {
  const { entry, settings } = setUp();
  expect(adopt(entry, settings, storedToken('stored', { expiresAtMs: startMs + aheadMs }))).toBe(false);
  expect(adopt(entry, settings, storedToken('stored', { expiresAtMs: startMs + aheadMs + 1 }))).toBe(true);
});

test('an entry that already has the token of the store only learns of a later repetition', () => {
  const { entry, settings, receive } = setUp();
  receive('own', 1000);
  const { refreshAtMs } = entry;
  expect(adopt(entry, settings, storedToken('own'))).toBe(false);
  expect(entry).toMatchObject({ refreshAtMs, lifeMs: 1000, repeatedAtMs: Number.NEGATIVE_INFINITY });
  expect(adopt(entry, settings, storedToken('own', { repeatedAtMs: startMs + aheadMs }))).toBe(false);
  const learnt = { refreshAtMs: startMs + 240_000, lifeMs: 290_000, repeatedAtMs: startMs };
  expect(entry).toMatchObject({ ...learnt, expiresAtMs: startMs + 1000 });
});

test('a token is stored with its moments on the clock of the store', () => {
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

test('a dropped token is remembered as refused and no longer served', () => {
  const { entry, receive } = setUp();
  receive('token', 300_000);
  serve(entry, startMs);
  const { token } = entry;
  dropToken(entry);
  expect(entry).toMatchObject({ token: undefined, refused: token });
  expect(hasLifeLeft(entry, startMs, 0)).toBe(false);
  expect([entry.servedUntilMs, entry.refreshAtMs]).toEqual([Number.NEGATIVE_INFINITY, Number.NEGATIVE_INFINITY]);
});
