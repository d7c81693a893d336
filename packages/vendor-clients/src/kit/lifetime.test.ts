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
    [0, undefined],
    [0.5, undefined],
    [-1, undefined],
    ['-300', undefined],
    [NaN, undefined],
    [Infinity, undefined],
    ['9'.repeat(400), undefined],
    ['soon', undefined],
    ['', undefined],
    ['0x10', undefined],
    [null, undefined],
    [undefined, undefined],
    [true, undefined],
    [[300], undefined],
    [{ seconds: 300 }, undefined],
  ])('reads %j as %s seconds if a day is the longest lifetime', (value, seconds) => {
    expect(readLifetimeSeconds(value, 86_400)).toBe(seconds);
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
  ['2026-05-28', undefined],
  ['tomorrow', undefined],
  [null, undefined],
  [undefined, undefined],
  [NaN, undefined],
  [{}, undefined],
])('readEpochSeconds reads the moment %j as %s', (value, seconds) => {
  expect(readEpochSeconds(value)).toBe(seconds);
});

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
    ['soon', undefined],
    [undefined, undefined],
  ])('returns for a token that expires at %j the lifetime %s', (expiresAt, seconds) => {
    expect(remainingSeconds(response, { expiresAt })).toBe(seconds);
    expect(remainingSeconds(response, { expiresAt, issuedAt: date })).toBe(seconds);
    expect(remainingSeconds(response, { expiresAt, issuedAt: date * 1_000 })).toBe(seconds);
  });

  test.each([date, date - 1, 0, -1, -9e15, 1e11, '2020-01-01T00:00:00Z'])(
    'rejects a token that expired at %j',
    (expiresAt) => {
      expect(() => remainingSeconds(response, { expiresAt, issuedAt: date })).toThrow(
        expect.objectContaining({ code: 'vendor_response_invalid', reason: 'token_expired' }),
      );
    },
  );
});
