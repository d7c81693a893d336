import { expect, test } from 'vitest';
import { remainingLifeSeconds } from './jwt-payload.ts';
import { fakeJwt } from './testing/vendor-server.ts';

/** An answer of this moment, in seconds since 1970; a text stands as it is. */
function answerAt(date?: number | string) {
  const text = typeof date === 'number' ? new Date(date * 1_000).toUTCString() : date;
  const headers = text === undefined ? {} : { date: text };
  return { vendor: { id: 'nudge', title: 'Nudge' }, status: 200, headers, body: Buffer.alloc(0) };
}

test('the documented Nudge token lives for half an hour', () => {
  const token =
    'eyJhbGciOiJFZERTQSIsImtpZCI6IjBjNDk0NDRmLWRjMTAtNDMxYS04NDc0LWIyZTMwMjAyOTNlNiJ9.eyJpYXQiOjE3MzIwMjAyNDMsImV4cCI6MTczMjAyMjA0M30.c2lnbmF0dXJl';
  expect(remainingLifeSeconds(answerAt(1_732_020_243), token)).toBe(1_800);
});

test.each([
  [{ iat: 10, exp: 310 }, 300],
  [{ iat: 10.5, exp: 310.2 }, 299],
  [{ iat: '10', exp: 310 }, undefined],
  [{ iat: 10 }, undefined],
  [{ iat: 0, exp: 1e300 }, undefined],
])('%j of this moment lives for %s', (payload, seconds) => {
  expect(remainingLifeSeconds(answerAt(11), fakeJwt(payload))).toBe(seconds);
  expect(remainingLifeSeconds(answerAt(), fakeJwt(payload))).toBe(seconds);
  expect(remainingLifeSeconds(answerAt('yesterday'), fakeJwt(payload))).toBe(seconds);
});

test.each([
  [900, 300],
  [1_000, 300],
  [1_001, 300],
  [1_002, 298],
  [1_299, 1],
])('a token made at 1,000 for 300 seconds has, at %i, %i left', (date, seconds) => {
  expect(remainingLifeSeconds(answerAt(date), fakeJwt({ iat: 1_000, exp: 1_300 }))).toBe(seconds);
});

test('a token that does not say when it was made has until its end', () => {
  const token = fakeJwt({ exp: 1_300 });
  expect(remainingLifeSeconds(answerAt(1_100), token)).toBe(200);
  expect(remainingLifeSeconds(answerAt(), token)).toBeUndefined();
  expect(() => remainingLifeSeconds(answerAt(1_300), token)).toThrow(
    expect.objectContaining({ reason: 'token_expired' }),
  );
});

test.each([
  [10, 10],
  [10, 5],
])('a token made at %i whose end is %i never lived', (iat, exp) => {
  expect(() => remainingLifeSeconds(answerAt(10), fakeJwt({ iat, exp }))).toThrow(
    expect.objectContaining({ reason: 'token_expired' }),
  );
});

test.each([1_300, 1_301, 1_000_000])('a token that ended at 1,300 is no answer at %i', (date) => {
  expect(() => remainingLifeSeconds(answerAt(date), fakeJwt({ iat: 1_000, exp: 1_300 }))).toThrow(
    expect.objectContaining({ code: 'vendor_response_invalid', reason: 'token_expired', vendor: 'nudge' }),
  );
});

test.each(['', 'opaque', 'a.b.c', '..', 'a.bnVsbA.c'])('%j says nothing', (token) => {
  expect(remainingLifeSeconds(answerAt(1), token)).toBeUndefined();
});
