import { describe, expect, test } from 'vitest';
import { parseClock } from '../calls/clock.ts';
import { memoryStorage } from '../storage/memory-storage.ts';
import { failureOf } from '../testing/failure.ts';
import { createFakeVendor } from '../testing/session-vendor.ts';
import { createVirtualClock } from '../testing/virtual-clock.ts';
import { eraOf } from './session-context.ts';
import { createSession } from './session.ts';
import { isOver } from '../calls/moment.ts';
import { lifetimeOf, parseRecord, type SessionRecord } from './session-record.ts';
import { checkTokens } from './session-tokens.ts';

const { vendor } = createFakeVendor();
const storage = memoryStorage();

test.each([
  ['null', null, /`options` must be an object/],
  ['an unknown option', { storage, ttl: 1 }, /`ttl` is not an option/],
  ['no storage', {}, /`storage` must have the functions/],
  ['a storage without a function', { storage: { ...storage, runAlone: undefined } }, /`storage` must have/],
  ['a time limit of 0', { storage, timeoutMs: 0 }, /`timeoutMs`/],
  ['a time limit of NaN', { storage, timeoutMs: Number.NaN }, /`timeoutMs`/],
  ['a time limit that timers cannot hold', { storage, timeoutMs: 2 ** 31 }, /`timeoutMs`/],
  ['a clock of null', { storage, clock: null }, /`clock`/],
  ['a clock without timers', { storage, clock: { nowMs: Date.now } }, /`clock`/],
  [
    'a monotonic time that is no function',
    { storage, clock: { ...createVirtualClock().clock, monotonicMs: 1 } },
    /`clock`/,
  ],
  ['an offset that is no function', { storage, serverTimeOffsetMs: 5 }, /`serverTimeOffsetMs`/],
])('createSession refuses %s', (_, options, message) => {
  expect(() => createSession(vendor, options as never)).toThrow(message);
});

test.each([
  [undefined],
  [null],
  [{ ...vendor, name: 5 }],
  [{ ...vendor, name: 'a b' }],
  [{ name: 'acme' }],
  [{ ...vendor, refresh: 1 }],
])('createSession refuses the vendor %j', (value) => {
  expect(() => createSession(value as never, { storage })).toThrow(/the vendor must have a `name`/);
});

test('a session refuses unknown options of its calls', async () => {
  const session = createSession(vendor, { storage });
  expect(await failureOf(session.accessToken({ force: true } as never))).toMatchObject({ code: 'invalid_request' });
  expect(await failureOf(session.signIn('t', { signal: 5 } as never))).toMatchObject({ code: 'invalid_request' });
});

const record = { id: 'i', accessToken: 'a', details: {}, receivedAtMs: 0 };

describe('a stored text', () => {
  test.each([
    '',
    '{',
    'null',
    '[]',
    '"text"',
    JSON.stringify({ ...record, details: [] }),
    JSON.stringify({ ...record, details: { a: 1 } }),
    JSON.stringify({ ...record, id: 1 }),
    JSON.stringify({ ...record, accessToken: undefined }),
    JSON.stringify({ ...record, refreshToken: null }),
    JSON.stringify({ ...record, expiresInSeconds: Number.NaN }),
    JSON.stringify({ ...record, offsetMs: '1' }),
    JSON.stringify({ ...record, isPending: 'yes' }),
    JSON.stringify(record).replace('"receivedAtMs":0', '"receivedAtMs":1e999'),
  ])('is no record: %s', (text) => {
    expect(parseRecord(text)).toBeNull();
  });

  test('is a record whose `__proto__` changes no prototype', () => {
    const parsed = parseRecord('{"id":"i","accessToken":"a","details":{"__proto__":"x"},"receivedAtMs":0}');
    expect(Object.getPrototypeOf({ ...parsed?.details })).toBe(Object.prototype);
    expect(parseRecord(JSON.stringify({ ...record, isPending: true, offsetMs: 1, refreshToken: 'r' }))).not.toBeNull();
  });
});

test.each([
  [undefined],
  [5],
  [{}],
  [{ accessToken: '', details: {} }],
  [{ accessToken: 'a' }],
  [{ accessToken: 'a', details: null }],
  [{ accessToken: 'a', details: { a: 1 } }],
  [{ accessToken: 'a', details: {}, refreshToken: '' }],
  [{ accessToken: 'a', details: {}, expiresInSeconds: 0 }],
  [{ accessToken: 'a', details: {}, expiresInSeconds: '5' }],
])('the response %j of a vendor has no tokens', (tokens) => {
  expect(() => checkTokens(tokens as never)).toThrow(expect.objectContaining({ code: 'vendor_response_invalid' }));
});

describe('the lifetime of a token', () => {
  const life = (change: Partial<SessionRecord>, offsetMs?: number) => {
    const clock = parseClock(createVirtualClock(1_000_000).clock, () => undefined);
    const { refresh, expiry } = lifetimeOf({ ...record, receivedAtMs: 1_000_000, ...change }, clock, offsetMs);
    return [refresh.wallMs - 1_000_000, expiry.wallMs - 1_000_000];
  };
  test.each([
    ['without an end is endless', {}, undefined, [Infinity, Infinity]],
    ['of 100 seconds has a margin of a tenth', { expiresInSeconds: 100 }, undefined, [90_000, 100_000]],
    ['of a day has a margin of a minute', { expiresInSeconds: 86_400 }, undefined, [86_340_000, 86_400_000]],
    ['ends by the server time', { expiresInSeconds: 100, offsetMs: 0 }, 50_000, [40_000, 50_000]],
    ['ignores a server time unknown at its receipt', { expiresInSeconds: 100 }, 50_000, [90_000, 100_000]],
    ['is no longer after a step back', { expiresInSeconds: 100, receivedAtMs: 9e9 }, undefined, [90_000, 100_000]],
  ] as const)('%s', (_, change, offsetMs, expected) => {
    expect(life(change, offsetMs)).toEqual(expected);
  });

  test('ends when either clock says so, because a sleep stops one and a user sets the other', () => {
    const time = createVirtualClock();
    const clock = parseClock(time.clock, () => undefined);
    const due = { monotonicMs: clock.monotonicMs() + 10, wallMs: clock.nowMs() + 10 };
    expect(isOver(due, clock)).toBe(false);
    time.stepTime(10);
    expect(isOver(due, clock)).toBe(true);
    time.stepTime(-600_000);
    expect(isOver(due, clock)).toBe(false);
    time.advance(10);
    expect(isOver(due, clock)).toBe(true);
  });
});

test('a listener that was removed learns of no further state', async () => {
  const session = createSession(vendor, { storage: memoryStorage() });
  const states: unknown[] = [];
  session.onStateChange((state) => states.push(state))();
  await session.load();
  expect(states).toEqual([]);
});

test('an object in place of a session has an era that never ends', () => {
  const ended: string[] = [];
  eraOf({}).onEnd(() => ended.push('ended'))();
  expect(eraOf({}).ended).toBe(false);
  expect(eraOf(createSession(vendor, { storage })).ended).toBe(false);
  expect(ended).toEqual([]);
});
