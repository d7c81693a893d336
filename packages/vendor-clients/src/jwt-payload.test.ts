import { expect, test } from 'vitest';
import { jwtLifetimeSeconds } from './jwt-payload.ts';
import { fakeJwt } from './testing/vendor-server.ts';

test('the documented Nudge token lives for half an hour', () => {
  const token =
    'eyJhbGciOiJFZERTQSIsImtpZCI6IjBjNDk0NDRmLWRjMTAtNDMxYS04NDc0LWIyZTMwMjAyOTNlNiJ9.eyJpYXQiOjE3MzIwMjAyNDMsImV4cCI6MTczMjAyMjA0M30.c2lnbmF0dXJl';
  expect(jwtLifetimeSeconds(token)).toBe(1_800);
});

test.each([
  [{ iat: 10, exp: 310 }, 300],
  [{ iat: 10.5, exp: 310.2 }, 299],
  [{ iat: 10, exp: 10 }, undefined],
  [{ iat: 10, exp: 5 }, undefined],
  [{ exp: 310 }, undefined],
  [{ iat: '10', exp: 310 }, undefined],
  [{ iat: 0, exp: 1e300 }, undefined],
])('%j lives for %s', (payload, seconds) => {
  expect(jwtLifetimeSeconds(fakeJwt(payload))).toBe(seconds);
});

test.each(['', 'opaque', 'a.b.c', '..', 'a.bnVsbA.c'])('%j says nothing', (token) => {
  expect(jwtLifetimeSeconds(token)).toBeUndefined();
});
