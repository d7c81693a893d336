import { expect, test } from 'vitest';
import { createJwtVerifier } from './create-jwt-verifier.ts';
import { startIdentityProvider } from './testing/identity-provider.ts';
import { createSigningKey, signToken } from './testing/signing.ts';
import { createVirtualClock } from './testing/virtual-clock.ts';

const key = createSigningKey('k1');

test('turns a token into a principal, with keys found by discovery', async () => {
  await using provider = await startIdentityProvider([key.jwk]);
  const clock = createVirtualClock();
  const verifier = createJwtVerifier({ issuers: [{ issuer: provider.issuer, audiences: ['api'] }], clock });
  const now = clock.nowSeconds();
  const claims = { iss: provider.issuer, sub: 'alice', aud: 'api', iat: now, exp: now + 300, scope: 'read write' };
  const token = signToken(key, claims);
  await expect(verifier.verify(token)).resolves.toEqual({
    issuer: provider.issuer,
    subject: 'alice',
    scopes: ['read', 'write'],
    claims,
    expiresAtSeconds: now + 300,
  });
  await verifier.verify(token);
  expect(provider.calls).toEqual(['/.well-known/openid-configuration', '/jwks']);
});
