import { systemClock, type Principal } from '@valetkey/core-types';
import { expect, test } from 'vitest';
import { CallerTokenRefusal, createAppTokenBound } from './app-token-bound.ts';

test('boundByAppToken refuses a caller whose token has no expiry, because nothing bounds the token of the vendor', () => {
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
