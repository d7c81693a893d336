import { Secret } from '@valetkey/core-types';
import { expect, test } from 'vitest';
import { fakeJwt } from '../testing/vendor-server.ts';
import { readJwtPayload, remainingLifeSeconds } from './jwt-payload.ts';

/** Returns the remaining life of a token in a response whose `Date` is a time in seconds since 1970, or a text. */
function lifeAt(date: number | string | undefined, token: string): number | undefined {
  const text = typeof date === 'number' ? new Date(date * 1_000).toUTCString() : date;
  const headers = text === undefined ? {} : { date: text };
  return remainingLifeSeconds({ vendor: { id: 'nudge', title: 'Nudge' }, headers }, new Secret(token));
}

test("the sample token of Nudge's documentation lives for half an hour", () => {
  const token =
    'eyJhbGciOiJFZERTQSIsImtpZCI6IjBjNDk0NDRmLWRjMTAtNDMxYS04NDc0LWIyZTMwMjAyOTNlNiJ9.eyJpYXQiOjE3MzIwMjAyNDMsImV4cCI6MTczMjAyMjA0M30.c2lnbmF0dXJl';
  expect(lifeAt(1_732_020_243, token)).toBe(1_800);
});

test.each([
  [{ iat: 10, exp: 310 }, 300],
  [{ iat: 10.5, exp: 310.2 }, 299],
  [{ iat: '10', exp: '310' }, 300],
  [{ iat: 0, exp: 1e300 }, 86_400],
])('remainingLifeSeconds of a token with the claims %j, issued just now, returns %i', (payload, seconds) => {
  expect(lifeAt(11, fakeJwt(payload))).toBe(seconds);
  expect(lifeAt(undefined, fakeJwt(payload))).toBe(seconds);
  expect(lifeAt('yesterday', fakeJwt(payload))).toBe(seconds);
});

test.each([{ iat: 'today', exp: 310 }, { iat: 10 }])(
  'remainingLifeSeconds of a token with the claims %j returns undefined',
  (payload) => {
    expect(lifeAt(11, fakeJwt(payload))).toBeUndefined();
    expect(lifeAt(undefined, fakeJwt(payload))).toBeUndefined();
    expect(lifeAt('yesterday', fakeJwt(payload))).toBeUndefined();
  },
);

test.each([
  [900, 300],
  [1_000, 300],
  [1_001, 300],
  [1_002, 298],
  [1_299, 1],
])('a token issued at 1,000 for 300 seconds and sent at %i lives for %i seconds more', (date, seconds) => {
  expect(lifeAt(date, fakeJwt({ iat: 1_000, exp: 1_300 }))).toBe(seconds);
});

test('a token without `iat` lives from the `Date` of the response until its expiry', () => {
  const token = fakeJwt({ exp: 1_300 });
  expect(lifeAt(1_100, token)).toBe(200);
  expect(lifeAt(undefined, token)).toBeUndefined();
  expect(() => lifeAt(1_300, token)).toThrow(expect.objectContaining({ reason: 'token_expired' }));
});

test.each([
  [10, 10],
  [10, 5],
])('remainingLifeSeconds throws for a token issued at %i that expires at %i', (iat, exp) => {
  expect(() => lifeAt(10, fakeJwt({ iat, exp }))).toThrow(expect.objectContaining({ reason: 'token_expired' }));
});

test.each([1_300, 1_301, 1_000_000])(
  'remainingLifeSeconds throws for a response sent at %i with a token that expired at 1,300',
  (date) => {
    expect(() => lifeAt(date, fakeJwt({ iat: 1_000, exp: 1_300 }))).toThrow(
      expect.objectContaining({ code: 'vendor_response_invalid', reason: 'token_expired', vendor: 'nudge' }),
    );
  },
);

test.each(['opaque', 'a.b.c', '..', 'a.bnVsbA.c'])(
  'remainingLifeSeconds of the token %j returns undefined',
  (token) => {
    expect(lifeAt(1, token)).toBeUndefined();
  },
);

test.each(['', 'opaque', 'a.b.c', '..', 'a.bnVsbA.c'])('readJwtPayload returns undefined for the text %j', (text) => {
  expect(readJwtPayload(text)).toBeUndefined();
});
