import { Secret } from '@valetkey/core-types';
import { expect, test } from 'vitest';
import { createFakeNetwork } from '../testing/fake-network.ts';
import { refusalOf, testIssuer } from '../testing/harness.ts';
import { createSigningKey, signToken } from '../testing/signing.ts';
import { createVirtualClock } from '../testing/virtual-clock.ts';
import { createJwtVerifier } from './create-jwt-verifier.ts';
import type { JwtVerifierOptions } from './verifier-options.ts';

const key = createSigningKey('k1');
const otherIssuer = 'https://other.example.com';
const record = { issuer: testIssuer, audiences: ['api'], jwksUri: `${testIssuer}/keys` };
const otherRecord = { issuer: otherIssuer, audiences: ['api'], jwksUri: `${otherIssuer}/keys` };

function createScene(options: Partial<JwtVerifierOptions> = {}) {
  const network = createFakeNetwork([key.jwk]);
  const clock = createVirtualClock();
  const create = (changes: Partial<JwtVerifierOptions> = {}) =>
    createJwtVerifier({ issuers: [record], fetch: network.fetch, clock, ...options, ...changes });
  const tokenOf = (changes: Readonly<Record<string, unknown>> = {}) => {
    const now = clock.nowSeconds();
    return signToken(key, { iss: testIssuer, sub: 'alice', aud: 'api', iat: now, exp: now + 300, ...changes });
  };
  return { network, clock, create, tokenOf };
}

test('a verifier that replaces another keeps the keys of an unchanged issuer', async () => {
  const { network, create, tokenOf } = createScene();
  const earlier = create();
  await earlier.warm();
  const verifier = create({ replaces: earlier, issuers: [otherRecord, { ...record }] });
  earlier.close();
  await expect(verifier.verify(tokenOf())).resolves.toMatchObject({ subject: 'alice' });
  expect(network.calls).toEqual([record.jwksUri]);
  await verifier.verify(tokenOf({ iss: otherIssuer }));
  expect(network.calls).toEqual([record.jwksUri, otherRecord.jwksUri]);
});

test('a verifier that replaces another returns the same principal for a token that was verified before', async () => {
  const { create, tokenOf } = createScene();
  const earlier = create();
  const token = tokenOf();
  const principal = await earlier.verify(token);
  await expect(create({ replaces: earlier }).verify(token)).resolves.toBe(principal);
});

test.each<[string, Partial<JwtVerifierOptions>]>([
  ['the cache', { cache: { maxAgeSeconds: 10 } }],
  ['the longest token', { maxTokenLength: 8_192 }],
])('a verifier that replaces another verifies every token anew if %s has another limit', async (_name, changes) => {
  const { create, tokenOf } = createScene();
  const earlier = create();
  const token = tokenOf();
  const principal = await earlier.verify(token);
  const verifier = create({ replaces: earlier, ...changes });
  const verified = await verifier.verify(token);
  expect(verified).toEqual(principal);
  expect(verified).not.toBe(principal);
});

test.each<[string, Partial<JwtVerifierOptions>]>([
  ['has another record', { issuers: [{ ...record, audiences: ['api', 'other'] }] }],
  ['is called by another function', { fetch: (...call) => createFakeNetwork([key.jwk]).fetch(...call) }],
  ['is called with another time limit', { fetchTimeoutMs: 4_000 }],
  ['may send responses of another size', { fetchMaxBytes: 2_000_000 }],
])('a verifier that replaces another verifies tokens anew with new keys if their issuer %s', async (_name, changes) => {
  const { create, tokenOf } = createScene();
  const earlier = create();
  const token = tokenOf();
  const principal = await earlier.verify(token);
  const verifier = create({ replaces: earlier, ...changes });
  expect(verifier.status()).toMatchObject([{ keys: 0 }]);
  await expect(verifier.verify(token)).resolves.not.toBe(principal);
});

test('a verifier that replaces another refuses the tokens of an issuer that was removed', async () => {
  const { create, tokenOf } = createScene();
  const earlier = create({ issuers: [record, otherRecord] });
  const token = tokenOf({ iss: otherIssuer });
  await earlier.verify(token);
  await expect(refusalOf(create({ replaces: earlier }), token)).resolves.toBe('invalid_token unknown_issuer');
  await expect(earlier.verify(token)).resolves.toMatchObject({ issuer: otherIssuer });
});

test('a fetch continues for the verifier that keeps it, and ends when both verifiers are closed', async () => {
  const { network, create, tokenOf } = createScene();
  const gate = Promise.withResolvers<void>();
  network.gate = gate.promise;
  const earlier = create();
  const pending = earlier.verify(tokenOf());
  const verifier = create({ replaces: earlier });
  earlier.close();
  earlier.close();
  gate.resolve();
  await expect(pending).resolves.toMatchObject({ subject: 'alice' });
  verifier.close();
  const late = createJwtVerifier({ issuers: [record], fetch: network.fetch, replaces: verifier });
  expect(late.status()).toMatchObject([{ keys: 0 }]);
});

test('a verifier that replaces another fetches no more once it is closed', async () => {
  const { network, create, tokenOf } = createScene();
  const earlier = create();
  const verifier = create({ replaces: earlier });
  earlier.close();
  verifier.close();
  await expect(refusalOf(verifier, tokenOf())).resolves.toMatch(/^identity_unavailable/);
  expect(network.calls).toEqual([]);
});

const introspecting = (clientSecret: string) => ({
  ...record,
  introspection: {
    endpoint: `${testIssuer}/introspect`,
    clientId: 'c',
    clientSecret: new Secret(clientSecret),
    cacheSeconds: 60,
  },
});

test('a verifier that replaces another keeps looked-up tokens, unless the secret of the look-up is another one', async () => {
  const { network, create } = createScene();
  network.respond = () => Response.json({ active: true, sub: 'alice', aud: 'api', iss: testIssuer });
  const earlier = create({ issuers: [introspecting('one')] });
  await earlier.verify('opaque');
  const same = create({ issuers: [introspecting('one'), otherRecord], replaces: earlier });
  await same.verify('opaque');
  expect(network.calls).toHaveLength(1);
  const changed = create({ issuers: [introspecting('two')], replaces: same });
  await changed.verify('opaque');
  expect(network.calls).toHaveLength(2);
});

test('a verifier that replaces another keeps its revocations, used proofs and nonces', async () => {
  const added: string[] = [];
  const { create, tokenOf } = createScene({
    replayStore: {
      add: async (proofId) => {
        added.push(proofId);
        return true;
      },
    },
  });
  const earlier = create();
  const token = tokenOf({ jti: 'one' });
  await earlier.verify(token);
  earlier.revoke({ token });
  const verifier = create({ replaces: earlier });
  await expect(refusalOf(verifier, token)).resolves.toBe('invalid_token revoked');
  expect(verifier.dpopNonce()).toBe(earlier.dpopNonce());
  const keyed = create({ replaces: verifier, dpopNonceKey: Buffer.alloc(32, 1) });
  expect(keyed.dpopNonce()).not.toBe(earlier.dpopNonce());
  expect(create({ replaces: keyed, dpopNonceKey: Buffer.alloc(32, 1) }).dpopNonce()).toBe(keyed.dpopNonce());
});

test('createJwtVerifier throws a TypeError if `replaces` is no verifier', () => {
  const { create } = createScene();
  expect(() => create({ replaces: {} as never })).toThrow(/replaces.*must be a verifier/);
});
