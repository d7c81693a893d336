import { describe, expect, test, vi } from 'vitest';
import { readEpochSeconds, readLifetimeSeconds, remainingSeconds } from './lifetime.ts';

const vendor = { id: 'acme', title: 'Acme' };
const date = 1_780_000_000;
const response = { vendor, headers: { date: new Date(date * 1_000).toUTCString() } };

describe('readLifetimeSeconds', () => {
  test.each([
    [300, 300],
    [300.9, 300],
    ['300', 300],
    [' 300 ', 300],
    ['300.0', 300],
    [86_400, 86_400],
    [300_000, 300],
    ['3600000', 3_600],
    [9e15, 86_400],
    [1e11, 86_400],
    [1e300, 86_400],
    ['9'.repeat(300), 86_400],
  ])('returns for %j, if a day is the longest lifetime, %i', (value, seconds) => {
    expect(readLifetimeSeconds(value, 86_400)).toBe(seconds);
  });

  test.each([
    ['0', 0],
    ['half a second', 0.5],
    ['a negative number', -1],
    ['a negative number as text', '-300'],
    ['NaN', NaN],
    ['Infinity', Infinity],
    ['a number beyond infinity, as text', '9'.repeat(400)],
    ['text that is not a number', 'soon'],
    ['an empty text', ''],
    ['a hexadecimal number', '0x10'],
    ['null', null],
    ['undefined', undefined],
    ['true', true],
    ['a list', [300]],
    ['an object', { seconds: 300 }],
  ])('returns undefined for %s', (_name, value) => {
    expect(readLifetimeSeconds(value, 86_400)).toBeUndefined();
  });

  test('never returns more than the longest lifetime of the vendor', () => {
    expect(readLifetimeSeconds(7_200, 3_600)).toBe(7);
    expect(readLifetimeSeconds(3_600_001_000, 3_600)).toBe(3_600);
  });
});

test.each([
  [date, date],
  [date * 1_000, date],
  [String(date), date],
  [String(date * 1_000), date],
  [new Date(date * 1_000).toISOString(), date],
  ['2026-05-28T22:26:40+02:00', date],
])('readEpochSeconds returns for the moment %j the seconds %i', (value, seconds) => {
  expect(readEpochSeconds(value)).toBe(seconds);
});

test.each(['2026-05-28', 'tomorrow', null, undefined, NaN, {}])(
  'readEpochSeconds returns undefined for %s, which names no moment',
  (value) => {
    expect(readEpochSeconds(value)).toBeUndefined();
  },
);

test.each([
  '2026-05-28T20:26:40',
  '2026-05-28T20:26:40.000',
  '2026-05-28 20:26:40',
  '2026-05-28 20:26:40Z',
  '2026-05-28 22:26:40+02:00',
  '2026-05-28T22:26:40+0200',
])('readEpochSeconds reads the moment %j the same in every time zone of this machine', (value) => {
  vi.stubEnv('TZ', 'America/New_York');
  try {
    expect(new Date(date * 1_000).getHours()).toBe(16);
    expect(readEpochSeconds(value)).toBe(date);
  } finally {
    vi.unstubAllEnvs();
  }
});

describe('remainingSeconds', () => {
  test.each([
    [date + 300, 300],
    [(date + 300) * 1_000, 300],
    [String(date + 300), 300],
    [new Date((date + 300) * 1_000).toISOString(), 300],
    [date + 10_000_000, 86_400],
    [9e15, 86_400],
  ])('returns for a token that expires at %j the lifetime %i', (expiresAt, seconds) => {
    expect(remainingSeconds(response, { expiresAt })).toBe(seconds);
    expect(remainingSeconds(response, { expiresAt, issuedAt: date })).toBe(seconds);
    expect(remainingSeconds(response, { expiresAt, issuedAt: date * 1_000 })).toBe(seconds);
  });

  test.each(['soon', undefined])('returns undefined if the expiry of a token is %s', (expiresAt) => {
    expect(remainingSeconds(response, { expiresAt })).toBeUndefined();
    expect(remainingSeconds(response, { expiresAt, issuedAt: date })).toBeUndefined();
    expect(remainingSeconds(response, { expiresAt, issuedAt: date * 1_000 })).toBeUndefined();
  });

  test.each([date, date - 1, 0, -1, -9e15, 1e11, '2020-01-01T00:00:00Z'])(
    'throws for a token that expired at %j',
    (expiresAt) => {
      expect(() => remainingSeconds(response, { expiresAt, issuedAt: date })).toThrow(
        expect.objectContaining({ code: 'vendor_response_invalid', reason: 'token_expired' }),
      );
    },
  );
});
