import { describe, expect, test } from 'vitest';
import { createJwtVerifier } from './create-jwt-verifier.ts';
import { createFakeNetwork } from '../testing/fake-network.ts';
import { createHarness, refusalOf, rejection, testIssuer } from '../testing/harness.ts';
import { startIdentityProvider } from '../testing/identity-provider.ts';
import { createSigningKey, signToken } from '../testing/signing.ts';
import { createVirtualClock } from '../testing/virtual-clock.ts';

const key = createSigningKey('k1');

test('verify() resolves to the principal of a token, with keys that are found by discovery and fetched once', async () => {
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

test('fetchByIssuer calls its issuer for metadata, keys and introspection, and `fetch` calls every other issuer', async () => {
  const networks = { own: createFakeNetwork([key.jwk]), shared: createFakeNetwork([key.jwk]) };
  const own = 'https://own.example.com';
  networks.own.respond = () =>
    Response.json(
      networks.own.calls.length === 1 ? { issuer: own, jwks_uri: `${own}/keys` } : { keys: [key.jwk], active: false },
    );
  const introspection = { endpoint: `${own}/introspect`, clientId: 'c', clientSecret: 's' };
  const verifier = createJwtVerifier({
    issuers: [
      { issuer: own, audiences: ['api'], introspection },
      { issuer: testIssuer, audiences: ['api'], jwksUri: `${testIssuer}/keys` },
    ],
    fetch: networks.shared.fetch,
    fetchByIssuer: new Map([[own, networks.own.fetch]]),
    clock: createVirtualClock(),
  });
  expect((await verifier.warm()).map(({ keys }) => keys)).toEqual([1, 1]);
  await expect(refusalOf(verifier, 'opaque')).resolves.toBe('invalid_token inactive');
  expect(networks.own.calls).toEqual([`${own}/.well-known/openid-configuration`, `${own}/keys`, `${own}/introspect`]);
  expect(networks.shared.calls).toEqual([`${testIssuer}/keys`]);
});

test('createJwtVerifier needs no option but issuers', async () => {
  const verifier = createJwtVerifier({
    issuers: [{ issuer: testIssuer, audiences: ['api'], jwks: { keys: [key.jwk] }, maxLifetimeSeconds: null }],
  });
  const token = signToken(key, { iss: testIssuer, sub: 'alice', aud: 'api', exp: 99_999_999_999 });
  await expect(verifier.verify(token)).resolves.toMatchObject({ subject: 'alice' });
  await expect(verifier.warm()).resolves.toEqual([
    { issuer: testIssuer, keys: 1, ageSeconds: null, stale: false, lastFailure: null },
  ]);
});

describe('a known token', () => {
  test('verify() of a known token returns the same promise and the same principal', async () => {
    const { verifier, token } = createHarness();
    const text = token();
    const principal = await verifier.verify(text);
    expect(verifier.verify(text)).toBe(verifier.verify(text));
    await expect(verifier.verify(text)).resolves.toBe(principal);
    await expect(verifier.verify(text, { signal: new AbortController().signal })).resolves.toBe(principal);
  });

  test('a token that differs from a known token by one character is refused', async () => {
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

  test('a token is verified anew after its exp, by the wall clock', async () => {
    const { verifier, token, clock } = createHarness();
    const text = token();
    const principal = await verifier.verify(text);
    clock.advance(299_999);
    await expect(verifier.verify(text)).resolves.toBe(principal);
    clock.advance(1);
    // Within the tolerance, the token is accepted, but not remembered.
    const again = await verifier.verify(text);
    expect(again).not.toBe(principal);
    await expect(verifier.verify(text)).resolves.not.toBe(again);
    clock.advance(5000);
    await expect(refusalOf(verifier, text)).resolves.toBe('invalid_token expired');

    const stepped = createHarness();
    const other = stepped.token();
    await stepped.verifier.verify(other);
    stepped.clock.step(400_000);
    await expect(refusalOf(stepped.verifier, other)).resolves.toBe('invalid_token expired');
  });

  test('a token is verified anew after maxAgeSeconds', async () => {
    const { verifier, token, clock } = createHarness({}, { cache: { maxAgeSeconds: 10 } });
    const text = token();
    const principal = await verifier.verify(text);
    clock.advance(9999);
    await expect(verifier.verify(text)).resolves.toBe(principal);
    clock.advance(1);
    await expect(verifier.verify(text)).resolves.not.toBe(principal);
  });

  test('a token is always verified anew if cache is null', async () => {
    const { verifier, token } = createHarness({}, { cache: null });
    const text = token();
    const principal = await verifier.verify(text);
    await expect(verifier.verify(text)).resolves.not.toBe(principal);
  });

  test('a token is verified anew after other tokens have filled the memory', async () => {
    const { verifier, token } = createHarness({}, { cache: { maxEntries: 10 } });
    const text = token();
    const principal = await verifier.verify(text);
    for (let index = 0; index < 20; index += 1) await verifier.verify(token({ jti: `${index}` }));
    await expect(verifier.verify(text)).resolves.not.toBe(principal);
  });
});

test('tokens with 300 distinct headers are accepted, although only 256 headers are remembered', async () => {
  const { verifier, claims, key: own } = createHarness();
  for (let index = 0; index < 300; index += 1) {
    const text = signToken(own, claims({ jti: `${index}` }), { x: index });
    await expect(verifier.verify(text)).resolves.toMatchObject({ claims: { jti: `${index}` } });
  }
});

test('calls for one token at the same time share one verification', async () => {
  const { verifier, token } = createHarness();
  const text = token();
  const principals = await Promise.all(Array.from({ length: 100 }, () => verifier.verify(text)));
  expect(new Set(principals).size).toBe(1);
  const bad = `${text.slice(0, -20)}${'A'.repeat(20)}`;
  const errors = await Promise.all(Array.from({ length: 100 }, () => rejection(verifier.verify(bad))));
  expect(new Set(errors).size).toBe(1);
  await expect(refusalOf(verifier, bad)).resolves.toBe('invalid_token wrong_signature');
});

test('every verify() of a token over maxTokenLength rejects with a new error', async () => {
  const { verifier } = createHarness();
  const text = 'A'.repeat(20_000);
  const first = await rejection(verifier.verify(text));
  const second = await rejection(verifier.verify(text));
  expect([first.reason, second.reason]).toEqual(['token_too_large', 'token_too_large']);
  expect(second).not.toBe(first);
});

describe('abort', () => {
  test('an aborted call rejects with the reason of its signal, and other calls for the same token still wait', async () => {
    const network = createFakeNetwork([key.jwk]);
    const { verifier, token } = createHarness({ jwks: undefined }, { fetch: network.fetch }, key);
    const { promise: gate, resolve: open } = Promise.withResolvers<void>();
    network.gate = gate;
    const abort = new AbortController();
    const text = token();
    const aborted = verifier.verify(text, { signal: abort.signal });
    const waiting = refusalOf(verifier, text);
    abort.abort(new Error('gone'));
    await expect(aborted).rejects.toThrow('gone');
    open();
    // The provider in this test has no discovery document. No token can be accepted.
    await expect(waiting).resolves.toMatch(/^identity_unavailable/);
  });

  test('a call whose signal is already aborted rejects without a fetch', async () => {
    const network = createFakeNetwork([key.jwk]);
    const { verifier, token } = createHarness({ jwks: undefined }, { fetch: network.fetch }, key);
    await expect(verifier.verify(token(), { signal: AbortSignal.abort(new Error('gone')) })).rejects.toThrow('gone');
    expect(network.calls).toEqual([]);
  });

  test('a signal that is aborted after the result changes nothing', async () => {
    const { verifier, token } = createHarness();
    const abort = new AbortController();
    await expect(verifier.verify(token(), { signal: abort.signal })).resolves.toBeDefined();
    abort.abort();
  });
});
