import { systemClock, type Principal } from '@valetkey/core-types';
import { expect, test } from 'vitest';
import { boundLifetime, CallerTokenRefusal, createAppTokenBound } from './token-life.ts';

test.each([
  [300, 300],
  [300.9, 300],
  [2_592_000, 2_592_000],
  [2_592_001, 2_592_000],
  [9e15, 2_592_000],
  [Infinity, 2_592_000],
  [undefined, undefined],
])('boundLifetime returns for a lifetime of %s seconds %s', (expiresInSeconds, seconds) => {
  expect(boundLifetime({ vendor: 'acme', expiresInSeconds }).expiresInSeconds).toBe(seconds);
});

test.each([0, 0.5, -1, -Infinity, NaN])('boundLifetime rejects a lifetime of %s seconds', (expiresInSeconds) => {
  expect(() => boundLifetime({ vendor: 'acme', expiresInSeconds })).toThrow(
    expect.objectContaining({ code: 'vendor_response_invalid', reason: 'lifetime', vendor: 'acme' }),
  );
});

test('a caller whose token has no expiry is refused, because nothing bounds the token of the vendor', () => {
  const bound = createAppTokenBound('acme-eu', 'acme', systemClock);
  const principal: Principal = { issuer: 'https://idp.example', subject: 'alice', scopes: [], claims: {} };
  const shorten = () => bound.shorten({ lifetime: { minSeconds: 1 } }, principal, {});
  expect(shorten).toThrow(CallerTokenRefusal);
  expect(shorten).toThrow(
    expect.objectContaining({
      refusal: expect.objectContaining({ code: 'invalid_token', reason: 'app_token_without_expiry' }) as unknown,
    }),
  );
  expect(() => bound.assertWithin({ ...principal, expiresAtSeconds: Date.now() / 1_000 + 100 }, undefined)).toThrow(
    CallerTokenRefusal,
  );
});
