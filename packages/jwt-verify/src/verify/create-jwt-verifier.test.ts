import { describe, expect, test } from 'vitest';
import { createJwtVerifier } from './create-jwt-verifier.ts';
import { createFakeNetwork } from '../testing/fake-network.ts';
import { createHarness, refusalOf, rejection, testIssuer } from '../testing/harness.ts';
import { startIdentityProvider } from '../testing/identity-provider.ts';
import { createSigningKey, signToken } from '../testing/signing.ts';
import { createStaticKeySource } from '../keys/static-key-source.ts';
import { createVirtualClock } from '../testing/virtual-clock.ts';

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

test('works without any option but issuers', async () => {
  const now = Date.now() / 1000;
  const verifier = createJwtVerifier({
    issuers: [{ issuer: testIssuer, audiences: ['api'], jwks: { keys: [key.jwk] } }],
  });
  const token = signToken(key, { iss: testIssuer, sub: 'alice', aud: 'api', iat: now, exp: now + 300 });
  await expect(verifier.verify(token)).resolves.toMatchObject({ subject: 'alice' });
  await expect(verifier.warm()).resolves.toEqual([
    { issuer: testIssuer, keys: 1, ageSeconds: null, stale: false, lastFailure: null },
  ]);
});

describe('a token that is verified again', () => {
  test('is answered with the same principal, at once', async () => {
    const { verifier, token } = createHarness();
    const text = token();
    const principal = await verifier.verify(text);
    expect(verifier.verify(text)).toBe(verifier.verify(text));
    await expect(verifier.verify(text)).resolves.toBe(principal);
    await expect(verifier.verify(text, { signal: new AbortController().signal })).resolves.toBe(principal);
  });

  test('is known by the whole of its text', async () => {
    const { verifier, token } = createHarness();
    const text = token();
    await verifier.verify(text);
    const position = text.length - 40;
    for (const other of [
      text.slice(0, -1),
      `${text}A`,
      text.slice(0, position) + text.slice(position + 1),
      text.toLowerCase(),
    ]) {
      await expect(refusalOf(verifier, other)).resolves.toMatch(/^invalid_token /);
    }
  });

  test('is verified anew after exp, by the wall clock', async () => {
    const { verifier, token, clock } = createHarness();
    const text = token();
    const principal = await verifier.verify(text);
    clock.advance(299.999);
    await expect(verifier.verify(text)).resolves.toBe(principal);
    clock.advance(0.001);
    // Within the tolerance it passes, but nothing of it is kept.
    const again = await verifier.verify(text);
    expect(again).not.toBe(principal);
    await expect(verifier.verify(text)).resolves.not.toBe(again);
    clock.advance(5);
    await expect(refusalOf(verifier, text)).resolves.toBe('invalid_token expired');

    const stepped = createHarness();
    const other = stepped.token();
    await stepped.verifier.verify(other);
    stepped.clock.step(400);
    await expect(refusalOf(stepped.verifier, other)).resolves.toBe('invalid_token expired');
  });

  test('is verified anew after the configured age', async () => {
    const { verifier, token, clock } = createHarness({}, { cache: { maxAgeSeconds: 10 } });
    const text = token();
    const principal = await verifier.verify(text);
    clock.advance(9.999);
    await expect(verifier.verify(text)).resolves.toBe(principal);
    clock.advance(0.001);
    await expect(verifier.verify(text)).resolves.not.toBe(principal);
  });

  test('is always verified anew without a cache', async () => {
    const { verifier, token } = createHarness({}, { cache: null });
    const text = token();
    const principal = await verifier.verify(text);
    await expect(verifier.verify(text)).resolves.not.toBe(principal);
  });

  test('is forgotten when others took its place', async () => {
    const { verifier, token } = createHarness({}, { cache: { maxEntries: 10 } });
    const text = token();
    const principal = await verifier.verify(text);
    for (let index = 0; index < 20; index += 1) await verifier.verify(token({ jti: `${index}` }));
    await expect(verifier.verify(text)).resolves.not.toBe(principal);
  });
});

test('static keys are never renewed, and the headers of verified tokens are remembered within a bound', async () => {
  const { verifier, claims, key: own } = createHarness();
  for (let index = 0; index < 300; index += 1) {
    const text = signToken(own, claims({ jti: `${index}` }), { x: index });
    await expect(verifier.verify(text)).resolves.toMatchObject({ claims: { jti: `${index}` } });
  }
  expect(createStaticKeySource(testIssuer, { keys: [key.jwk] }).renew()).toBeUndefined();
});

test('many who bring one token at once share one verification', async () => {
  const { verifier, token } = createHarness();
  const text = token();
  const principals = await Promise.all(Array.from({ length: 100 }, () => verifier.verify(text)));
  expect(new Set(principals).size).toBe(1);
  const bad = `${text.slice(0, -20)}${'A'.repeat(20)}`;
  const errors = await Promise.all(Array.from({ length: 100 }, () => rejection(verifier.verify(bad))));
  expect(new Set(errors).size).toBe(1);
  await expect(refusalOf(verifier, bad)).resolves.toBe('invalid_token wrong_signature');
});

describe('a caller who gives up', () => {
  test('is let go with the reason, and disturbs nobody', async () => {
    const network = createFakeNetwork([key.jwk]);
    const { verifier, token } = createHarness({ jwks: undefined }, { fetch: network.fetch }, key);
    const { promise: gate, resolve: open } = Promise.withResolvers<void>();
    network.gate = gate;
    network.answer = undefined;
    const leaving = new AbortController();
    const text = token();
    const leaver = verifier.verify(text, { signal: leaving.signal });
    const stayer = refusalOf(verifier, text);
    leaving.abort(new Error('gone'));
    await expect(leaver).rejects.toThrow('gone');
    open();
    // The provider of this test has no discovery document: what counts is that the other was answered.
    await expect(stayer).resolves.toMatch(/^identity_unavailable/);
  });

  test('before it began is turned away, and nothing is begun', async () => {
    const network = createFakeNetwork([key.jwk]);
    const { verifier, token } = createHarness({ jwks: undefined }, { fetch: network.fetch }, key);
    await expect(verifier.verify(token(), { signal: AbortSignal.abort(new Error('gone')) })).rejects.toThrow('gone');
    expect(network.calls).toEqual([]);
  });

  test('after the answer changes nothing', async () => {
    const { verifier, token } = createHarness();
    const leaving = new AbortController();
    await expect(verifier.verify(token(), { signal: leaving.signal })).resolves.toBeDefined();
    leaving.abort();
  });
});

describe('revoke', () => {
  test('refuses a token by its text, in whatever form it comes again', async () => {
    const { verifier, token } = createHarness();
    const text = token();
    await verifier.verify(text);
    verifier.revoke({ token: text });
    await expect(refusalOf(verifier, text)).resolves.toBe('invalid_token revoked');
    // The same claims signed once more: another text of the same token.
    await expect(refusalOf(verifier, token())).resolves.toBe('invalid_token revoked');
    await expect(refusalOf(verifier, token({ jti: 'id-2' }))).resolves.toBeUndefined();
  });

  test('refuses a token without jti by its claims', async () => {
    const { verifier, token } = createHarness();
    verifier.revoke({ token: token({ jti: undefined }) });
    await expect(refusalOf(verifier, token({ jti: undefined }))).resolves.toBe('invalid_token revoked');
    await expect(refusalOf(verifier, token({ jti: undefined, sub: 'bob' }))).resolves.toBeUndefined();
    await expect(refusalOf(verifier, token({ jti: undefined, exp: 1_800_000_299 }))).resolves.toBeUndefined();
  });

  test('refuses a token by issuer and jti together', async () => {
    const { verifier, token } = createHarness();
    verifier.revoke({ issuer: 'https://other.example.com', jti: 'id-1' });
    await expect(refusalOf(verifier, token())).resolves.toBeUndefined();
    verifier.revoke({ issuer: testIssuer, jti: 'id-1', expiresAtSeconds: 1_800_000_300 });
    await expect(refusalOf(verifier, token())).resolves.toBe('invalid_token revoked');
  });

  test("refuses a person's tokens up to now, and takes later ones", async () => {
    const { verifier, token, clock } = createHarness();
    const [old, undated, bob] = [token(), token({ iat: undefined }), token({ sub: 'bob' })];
    await verifier.verify(old);
    verifier.revoke({ issuer: testIssuer, subject: 'alice' });
    await expect(refusalOf(verifier, old)).resolves.toBe('invalid_token revoked');
    await expect(refusalOf(verifier, undated)).resolves.toBe('invalid_token revoked');
    await expect(refusalOf(verifier, bob)).resolves.toBeUndefined();
    clock.advance(1);
    await expect(refusalOf(verifier, token())).resolves.toBeUndefined();
    verifier.revoke({ issuer: testIssuer, subject: 'alice', issuedUntilSeconds: clock.nowSeconds() + 10 });
    await expect(refusalOf(verifier, token())).resolves.toBe('invalid_token revoked');
    // An earlier moment takes nothing back.
    verifier.revoke({ issuer: testIssuer, subject: 'alice', issuedUntilSeconds: 0 });
    await expect(refusalOf(verifier, token())).resolves.toBe('invalid_token revoked');
  });

  test('takes effect on a verification under way', async () => {
    const { verifier, token } = createHarness();
    const text = token();
    const pending = refusalOf(verifier, text);
    verifier.revoke({ token: text });
    await expect(pending).resolves.toBe('invalid_token revoked');
  });

  test('has bounded room, and makes more of it out of what has ended', async () => {
    const { verifier, token, clock } = createHarness({ maxLifetimeSeconds: 600 }, { maxRevocations: 2 });
    verifier.revoke({ issuer: testIssuer, jti: 'a', expiresAtSeconds: clock.nowSeconds() + 10 });
    verifier.revoke({ token: token({ jti: 'b' }) });
    expect(() => verifier.revoke({ issuer: testIssuer, jti: 'c' })).toThrow(
      expect.objectContaining({ code: 'overloaded' }),
    );
    verifier.revoke({ issuer: testIssuer, jti: 'b' });
    clock.advance(20);
    expect(() => verifier.revoke({ issuer: testIssuer, jti: 'c' })).toThrow(
      expect.objectContaining({ code: 'overloaded' }),
    );
    clock.advance(0.5);
    verifier.revoke({ issuer: testIssuer, jti: 'c' });
    await expect(refusalOf(verifier, token({ jti: 'a' }))).resolves.toBeUndefined();
    await expect(refusalOf(verifier, token({ jti: 'b' }))).resolves.toBe('invalid_token revoked');
    await expect(refusalOf(verifier, token({ jti: 'c' }))).resolves.toBe('invalid_token revoked');
    clock.advance(589);
    expect(() => verifier.revoke({ issuer: testIssuer, jti: 'd' })).toThrow(
      expect.objectContaining({ code: 'overloaded' }),
    );
    clock.advance(1);
    verifier.revoke({ issuer: testIssuer, jti: 'd' });
  });

  test('keeps what may live for ever, and what names no issuer of ours', () => {
    const { verifier, token, clock } = createHarness({ maxLifetimeSeconds: null }, { maxRevocations: 3 });
    verifier.revoke({ token: token() });
    verifier.revoke({ token: token({ iss: 'https://other.example.com' }) });
    verifier.revoke({ issuer: testIssuer, subject: 'alice' });
    clock.advance(1e9);
    expect(() => verifier.revoke({ token: 'opaque' })).toThrow(expect.objectContaining({ code: 'overloaded' }));
  });

  test('forgets an opaque token after a day', () => {
    const { verifier, clock } = createHarness({}, { maxRevocations: 1 });
    verifier.revoke({ token: 'opaque' });
    clock.advance(86_400);
    expect(() => verifier.revoke({ token: 'opaque2' })).toThrow(expect.objectContaining({ code: 'overloaded' }));
    clock.advance(1);
    verifier.revoke({ token: 'opaque2' });
  });

  test.each(['W10.W10.AAAA', 'e30.e30.AAAA', 'e30._w.AAAA'])('says so when it cannot tell %s from others', (text) => {
    const { verifier } = createHarness();
    expect(() => verifier.revoke({ token: text })).toThrow(expect.objectContaining({ code: 'invalid_request' }));
  });
});
