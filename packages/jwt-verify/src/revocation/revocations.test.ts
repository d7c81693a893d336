import { expect, test } from 'vitest';
import { createSigningKey } from '../testing/signing.ts';
import { createHarness, refusalOf, testIssuer } from '../testing/harness.ts';
import { createVirtualClock } from '../testing/virtual-clock.ts';

test('revoke() of a token refuses the token, also if the same claims are signed again', async () => {
  const { verifier, token } = createHarness();
  const text = token();
  await verifier.verify(text);
  verifier.revoke({ token: text });
  await expect(refusalOf(verifier, text)).resolves.toBe('invalid_token revoked');
  await expect(refusalOf(verifier, token())).resolves.toBe('invalid_token revoked');
  await expect(refusalOf(verifier, token({ jti: 'id-2' }))).resolves.toBeUndefined();
});

test('revoke() of a token without jti refuses tokens with the same claims, and none with another sub or exp', async () => {
  const { verifier, token } = createHarness();
  verifier.revoke({ token: token({ jti: undefined }) });
  await expect(refusalOf(verifier, token({ jti: undefined }))).resolves.toBe('invalid_token revoked');
  await expect(refusalOf(verifier, token({ jti: undefined, sub: 'bob' }))).resolves.toBeUndefined();
  await expect(refusalOf(verifier, token({ jti: undefined, exp: 1_800_000_299 }))).resolves.toBeUndefined();
});

test('revoke() by jti refuses only a token of the named issuer', async () => {
  const { verifier, token } = createHarness();
  verifier.revoke({ issuer: 'https://other.example.com', jti: 'id-1' });
  await expect(refusalOf(verifier, token())).resolves.toBeUndefined();
  verifier.revoke({ issuer: testIssuer, jti: 'id-1', expiresAtSeconds: 1_800_000_300 });
  await expect(refusalOf(verifier, token())).resolves.toBe('invalid_token revoked');
});

test('revoke() by subject refuses the tokens issued up to now, and accepts later ones', async () => {
  const { verifier, token, clock } = createHarness();
  const [old, undated, bob] = [token(), token({ iat: undefined }), token({ sub: 'bob' })];
  await verifier.verify(old);
  verifier.revoke({ issuer: testIssuer, subject: 'alice' });
  await expect(refusalOf(verifier, old)).resolves.toBe('invalid_token revoked');
  await expect(refusalOf(verifier, undated)).resolves.toBe('invalid_token revoked');
  await expect(refusalOf(verifier, bob)).resolves.toBeUndefined();
  clock.advance(1000);
  await expect(refusalOf(verifier, token())).resolves.toBeUndefined();
  verifier.revoke({ issuer: testIssuer, subject: 'alice', issuedUntilSeconds: clock.nowSeconds() + 10 });
  await expect(refusalOf(verifier, token())).resolves.toBe('invalid_token revoked');
  // An earlier moment does not withdraw a revocation.
  verifier.revoke({ issuer: testIssuer, subject: 'alice', issuedUntilSeconds: 0 });
  await expect(refusalOf(verifier, token())).resolves.toBe('invalid_token revoked');
});

test('revoke() takes effect on a verification that is under way on the thread pool', async () => {
  const { verifier, token } = createHarness({}, {}, createSigningKey('k1', 'ES384'));
  const text = token();
  const pending = refusalOf(verifier, text);
  verifier.revoke({ token: text });
  await expect(pending).resolves.toBe('invalid_token revoked');
});

test('revoke() takes effect after a verification that ended on the thread of the caller', async () => {
  const { verifier, token } = createHarness({}, {}, createSigningKey('k1', 'RS256'));
  const text = token();
  const verified = refusalOf(verifier, text);
  verifier.revoke({ token: text });
  await expect(verified).resolves.toBeUndefined();
  await expect(refusalOf(verifier, text)).resolves.toBe('invalid_token revoked');
});

test('revoke() throws overloaded while maxRevocations are kept, and forgets revocations whose tokens have expired', async () => {
  const { verifier, token, clock } = createHarness({ maxLifetimeSeconds: 600 }, { maxRevocations: 2 });
  verifier.revoke({ issuer: testIssuer, jti: 'a', expiresAtSeconds: clock.nowSeconds() + 10 });
  verifier.revoke({ token: token({ jti: 'b' }) });
  expect(() => verifier.revoke({ issuer: testIssuer, jti: 'c' })).toThrow(
    expect.objectContaining({ code: 'overloaded' }),
  );
  verifier.revoke({ issuer: testIssuer, jti: 'b' });
  clock.advance(20_000);
  expect(() => verifier.revoke({ issuer: testIssuer, jti: 'c' })).toThrow(
    expect.objectContaining({ code: 'overloaded' }),
  );
  clock.advance(500);
  verifier.revoke({ issuer: testIssuer, jti: 'c' });
  await expect(refusalOf(verifier, token({ jti: 'a' }))).resolves.toBeUndefined();
  await expect(refusalOf(verifier, token({ jti: 'b' }))).resolves.toBe('invalid_token revoked');
  await expect(refusalOf(verifier, token({ jti: 'c' }))).resolves.toBe('invalid_token revoked');
  clock.advance(589_000);
  expect(() => verifier.revoke({ issuer: testIssuer, jti: 'd' })).toThrow(
    expect.objectContaining({ code: 'overloaded' }),
  );
  clock.advance(1000);
  verifier.revoke({ issuer: testIssuer, jti: 'd' });
});

test('revocations for an unknown issuer or an issuer without a maximum lifetime are never forgotten', () => {
  const { verifier, token, clock } = createHarness({ maxLifetimeSeconds: null }, { maxRevocations: 3 });
  verifier.revoke({ token: token() });
  verifier.revoke({ token: token({ iss: 'https://other.example.com' }) });
  verifier.revoke({ issuer: testIssuer, subject: 'alice' });
  clock.advance(1_000_000_000_000);
  expect(() => verifier.revoke({ token: 'opaque' })).toThrow(expect.objectContaining({ code: 'overloaded' }));
});

test('the revocation of an opaque token is forgotten after a day', () => {
  const { verifier, clock } = createHarness({}, { maxRevocations: 1 });
  verifier.revoke({ token: 'opaque' });
  clock.advance(86_400_000);
  expect(() => verifier.revoke({ token: 'opaque2' })).toThrow(expect.objectContaining({ code: 'overloaded' }));
  clock.advance(1000);
  verifier.revoke({ token: 'opaque2' });
});

test.each(['W10.W10.AAAA', 'e30.e30.AAAA', 'e30._w.AAAA'])(
  'revoke() throws invalid_request for the token %s, which names no issuer',
  (text) => {
    const { verifier } = createHarness();
    expect(() => verifier.revoke({ token: text })).toThrow(expect.objectContaining({ code: 'invalid_request' }));
  },
);

test('a token that is revoked after the last step of its verification is refused from the next call on', async () => {
  const clock = createVirtualClock();
  let onRead = (): void => {};
  const { verifier, token } = createHarness(
    {},
    {
      clock: {
        nowMs: clock.nowMs,
        monotonicMs: () => {
          onRead();
          return clock.monotonicMs();
        },
      },
    },
  );
  const text = token();
  // After the steps the clock is read once more, for the entry in the memory.
  onRead = () => verifier.revoke({ token: text });
  await expect(refusalOf(verifier, text)).resolves.toBeUndefined();
  await expect(refusalOf(verifier, text)).resolves.toBe('invalid_token revoked');
});
