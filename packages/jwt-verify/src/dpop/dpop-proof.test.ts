import { createHash } from 'node:crypto';
import { calculateJwkThumbprint } from 'jose';
import { beforeEach, describe, expect, test } from 'vitest';
import type { IssuerOptions } from '@valetkey/core-types';
import type { JwtVerifierOptions } from '../verify/verifier-options.ts';
import { createHarness, rejection, type Harness } from '../testing/harness.ts';
import { createSigningKey, signToken, type SigningKey } from '../testing/signing.ts';

const url = 'https://api.example.com/v1/things';
const callerKey = createSigningKey('caller');
const thumbprint = await calculateJwkThumbprint(callerKey.jwk);

function publicPart({ jwk: { kty, crv, x, y, n, e } }: SigningKey): Record<string, unknown> {
  return { kty, crv, x, y, n, e };
}

interface Setup extends Harness {
  readonly boundToken: string;
  readonly proof: (claims?: Record<string, unknown>, header?: Record<string, unknown>, key?: SigningKey) => string;
  readonly send: (
    proof: string | undefined,
    request?: { method?: string; url?: string; token?: string },
  ) => Promise<unknown>;
}

function setUp(dpop: IssuerOptions['dpop'] = {}, options: Partial<JwtVerifierOptions> = {}): Setup {
  const harness = createHarness({ dpop }, options);
  const boundToken = harness.token({ cnf: { jkt: thumbprint } });
  let serial = 0;
  return {
    ...harness,
    boundToken,
    proof: (claims = {}, header = {}, key = callerKey) => {
      serial += 1;
      const ath = createHash('sha256').update(boundToken).digest('base64url');
      return signToken(
        key,
        { htm: 'POST', htu: url, iat: harness.clock.nowSeconds(), jti: `proof-${serial}`, ath, ...claims },
        { typ: 'dpop+jwt', kid: undefined, jwk: publicPart(key), ...header },
      );
    },
    send: (proof, request = {}) =>
      harness.verifier.verify(request.token ?? boundToken, {
        dpop: proof === undefined ? undefined : { proof, method: request.method ?? 'POST', url: request.url ?? url },
      }),
  };
}

let setup: Setup;
beforeEach(() => {
  setup = setUp();
});

test('a bound token is accepted with a proof, and again with a new proof', async () => {
  const { send, proof } = setup;
  await expect(send(proof())).resolves.toMatchObject({ subject: 'alice' });
  await expect(send(proof())).resolves.toMatchObject({ subject: 'alice' });
});

test.each<SigningKey['algorithm']>(['ES256', 'EdDSA'])(
  'a proof that is signed with %s is accepted',
  async (algorithm) => {
    const key = createSigningKey('caller', algorithm);
    const jkt = await calculateJwkThumbprint(key.jwk);
    const token = setup.token({ cnf: { jkt } });
    const ath = createHash('sha256').update(token).digest('base64url');
    await expect(setup.send(setup.proof({ ath }, {}, key), { token })).resolves.toBeDefined();
  },
);

test('a bound token without a proof is refused, also after it was accepted with a proof', async () => {
  const { verifier, boundToken, send, proof } = setup;
  const refusal = { code: 'invalid_token', reason: 'bound_token' };
  expect(await rejection(verifier.verify(boundToken))).toMatchObject(refusal);
  expect(await rejection(send(undefined))).toMatchObject(refusal);
  await send(proof());
  expect(await rejection(verifier.verify(boundToken))).toMatchObject(refusal);
  expect(await rejection(send(undefined))).toMatchObject(refusal);
});

test('a bearer token is accepted without a proof, and refused with one', async () => {
  const { verifier, send, proof, token } = setup;
  const bearer = token();
  expect(await rejection(send(proof(), { token: bearer }))).toMatchObject({ reason: 'unbound_token' });
  await expect(verifier.verify(bearer)).resolves.toBeDefined();
  expect(await rejection(send(proof(), { token: bearer }))).toMatchObject({ reason: 'unbound_token' });
});

test('a token that is sent in the wrong way for its binding is refused with a DPoP cause', async () => {
  const cause = { type: 'dpop', error: 'invalid_token' };
  expect(await rejection(setup.send(undefined))).toMatchObject({ cause });
  expect(await rejection(setup.send(setup.proof(), { token: setup.token() }))).toMatchObject({ cause });
  const unsupported = createHarness();
  const bound = unsupported.token({ cnf: { jkt: thumbprint } });
  expect(await rejection(unsupported.verifier.verify(bound))).not.toHaveProperty('cause');
});

test("a refusal keeps its DPoP cause with the issuer's own remediation", async () => {
  const { verifier, token } = createHarness({
    dpop: { required: true },
    remediations: { unbound_token: 'Bind the token.' },
  });
  expect(await rejection(verifier.verify(token()))).toMatchObject({
    remediation: 'Bind the token.',
    cause: { type: 'dpop', error: 'invalid_token' },
  });
});

test('a bearer token is refused if dpop.required is true', async () => {
  const { verifier, token, send, proof } = setUp({ required: true });
  expect(await rejection(verifier.verify(token()))).toMatchObject({ reason: 'unbound_token' });
  await expect(send(proof())).resolves.toBeDefined();
});

test.each([[{ jkt: 7 }], [{ jkt: 'x', 'x5t#S256': 'y' }], [{ 'x5t#S256': 'y' }], ['x'], [null]])(
  'a token with cnf %j is refused as bound_token',
  async (cnf) => {
    expect(await rejection(setup.verifier.verify(setup.token({ cnf })))).toMatchObject({ reason: 'bound_token' });
  },
);

test('a token whose cnf has more than jkt is refused, also with a valid proof', async () => {
  const { send, proof, token } = setup;
  for (const cnf of [
    { jkt: thumbprint, 'x5t#S256': 'y' },
    { jkt: thumbprint, jwk: {} },
  ]) {
    const bound = token({ cnf });
    const ath = createHash('sha256').update(bound).digest('base64url');
    expect(await rejection(send(proof({ ath }), { token: bound }))).toMatchObject({ reason: 'bound_token' });
  }
});

describe('proof refused', () => {
  const other = createSigningKey('other');
  const rsa = createSigningKey('rsa', 'RS256');

  test.each<[string, (setup: Setup) => string, string]>([
    ['that is not a JWT', () => 'x', 'not a JWT'],
    ['that is empty', () => '', 'is missing'],
    ['of more than 8192 characters', ({ proof }) => proof({ pad: 'x'.repeat(9000) }), 'longer than 8192 characters'],
    [
      'with two header members of one name',
      ({ proof }) => proof().replace(/^[^.]+/, Buffer.from('{"a":1,"a":2}').toString('base64url')),
      'not a JWT',
    ],
    ['whose claims are not an object', ({ proof }) => proof().replace(/\.[^.]+\./, '.W10.'), 'not a JWT'],
    ['that is not UTF-8', ({ proof }) => proof().replace(/\.[^.]+\./, '._w.'), 'not a JWT'],
    ['of another type', ({ proof }) => proof({}, { typ: 'at+jwt' }), 'another typ'],
    ['without typ', ({ proof }) => proof({}, { typ: undefined }), 'another typ'],
    ['with another algorithm', ({ proof }) => proof({}, {}, rsa), 'another algorithm'],
    ['without an algorithm', ({ proof }) => proof({}, { alg: undefined }), 'another algorithm'],
    ['with the algorithm none', ({ proof }) => proof({}, { alg: 'none' }), 'another algorithm'],
    ['with critical extensions', ({ proof }) => proof({}, { crit: ['x'], x: 1 }), 'header extensions'],
    ['with an unencoded payload', ({ proof }) => proof({}, { b64: false }), 'header extensions'],
    ['without a key', ({ proof }) => proof({}, { jwk: undefined }), 'no usable public key'],
    [
      'with a private key',
      ({ proof }) => proof({}, { jwk: callerKey.privateKey.export({ format: 'jwk' }) }),
      'no usable public key',
    ],
    ['with a symmetric key', ({ proof }) => proof({}, { jwk: { kty: 'oct', k: 'AA' } }), 'no usable public key'],
    ['with the key of another type', ({ proof }) => proof({}, { jwk: publicPart(rsa) }), 'wrong signature'],
    [
      'signed by another key than the one it carries',
      ({ proof }) => proof({}, { jwk: publicPart(callerKey) }, other),
      'wrong signature',
    ],
    [
      'signed by another key than the one the token is bound to',
      ({ proof }) => proof({}, {}, other),
      'another key than the key of the token',
    ],
    ['for another method', ({ proof }) => proof({ htm: 'GET' }), 'another method'],
    ['for the method in lower case', ({ proof }) => proof({ htm: 'post' }), 'another method'],
    ['without htm', ({ proof }) => proof({ htm: undefined }), 'another method'],
    ['for another URL', ({ proof }) => proof({ htu: 'https://api.example.com/v1/other' }), 'another URL'],
    ['for another host', ({ proof }) => proof({ htu: 'https://evil.example.com/v1/things' }), 'another URL'],
    ['without htu', ({ proof }) => proof({ htu: undefined }), 'another URL'],
    ['for a relative URL', ({ proof }) => proof({ htu: '/v1/things' }), 'another URL'],
    ['for another token', ({ proof }) => proof({ ath: 'x' }), 'another token'],
    ['without ath', ({ proof }) => proof({ ath: undefined }), 'another token'],
    ['that is too old', ({ proof, clock }) => proof({ iat: clock.nowSeconds() - 66 }), 'within the last 60 seconds'],
    [
      'with an iat in the future',
      ({ proof, clock }) => proof({ iat: clock.nowSeconds() + 6 }),
      'within the last 60 seconds',
    ],
    ['without iat', ({ proof }) => proof({ iat: undefined }), 'within the last 60 seconds'],
    [
      'with an iat that is a string',
      ({ proof, clock }) => proof({ iat: `${clock.nowSeconds()}` }),
      'within the last 60 seconds',
    ],
    ['without jti', ({ proof }) => proof({ jti: undefined }), 'no usable jti'],
    ['with an empty jti', ({ proof }) => proof({ jti: '' }), 'no usable jti'],
    ['with a jti of 257 characters', ({ proof }) => proof({ jti: 'x'.repeat(257) }), 'no usable jti'],
  ])('verify() refuses a proof %s', async (_, makeProof, message) => {
    const error = await rejection(setup.send(makeProof(setup)));
    expect(error).toMatchObject({
      code: 'invalid_token',
      reason: 'invalid_dpop_proof',
      cause: { type: 'dpop', error: 'invalid_dpop_proof' },
    });
    expect(error.message).toContain(message);
  });

  test('a proof with an RSA key whose own alg is another algorithm is refused, and accepted if it is the same or absent', async () => {
    const { send, proof, token } = setUp({ algorithms: ['RS256', 'PS256'] });
    const bound = token({ cnf: { jkt: await calculateJwkThumbprint(rsa.jwk) } });
    const ath = createHash('sha256').update(bound).digest('base64url');
    const sendWith = (alg?: string) =>
      send(proof({ ath }, { jwk: { ...publicPart(rsa), alg } }, rsa), { token: bound });
    expect((await rejection(sendWith('PS256'))).message).toContain('another algorithm than the one of its key');
    await expect(sendWith('RS256')).resolves.toBeDefined();
    await expect(sendWith()).resolves.toBeDefined();
  });

  test('a used proof is refused as used until it is refused as too old', async () => {
    const { send, proof, clock } = setup;
    const used = proof({ iat: clock.nowSeconds() + 5 });
    await send(used);
    for (const seconds of [0, 30, 39.9]) {
      clock.advance(seconds * 1000);
      expect((await rejection(send(used))).message).toContain('used before');
    }
    clock.advance(200);
    expect((await rejection(send(used))).message).toContain('within the last');
  });

  test('a proof is refused if the URL of the request is not absolute', async () => {
    expect((await rejection(setup.send(setup.proof(), { url: '/v1/things' }))).message).toContain('another URL');
  });
});

test('a proof is accepted at both limits of its age, with any query, and with a jti of 256 characters', async () => {
  const { send, proof, clock } = setup;
  await expect(send(proof({ iat: clock.nowSeconds() - 65 }))).resolves.toBeDefined();
  await expect(send(proof({ iat: clock.nowSeconds() + 5 }))).resolves.toBeDefined();
  await expect(send(proof({ htu: `${url}?a=1#b` }), { url: `${url}?c=2` })).resolves.toBeDefined();
  await expect(send(proof({ htu: 'HTTPS://API.example.com:443/v1/things' }))).resolves.toBeDefined();
  await expect(send(proof({ htu: 'https://api.example.com/v1/%74hings' }))).resolves.toBeDefined();
  await expect(send(proof({ jti: 'x'.repeat(256) }))).resolves.toBeDefined();
});

test('a proof is accepted whatever the letter case of a percent-encoding, and refused if a slash is encoded', async () => {
  const { send, proof } = setup;
  const encoded = 'https://api.example.com/v1/a%2fb';
  await expect(send(proof({ htu: encoded }), { url: encoded.replace('%2f', '%2F') })).resolves.toBeDefined();
  const refused = send(proof({ htu: 'https://api.example.com/v1/a/b' }), { url: encoded });
  expect((await rejection(refused)).message).toContain('another URL');
});

test.each([
  '/v1/files/../things',
  '/v1/./things',
  '/v1/files/%2e%2E/things',
  '/v1/files/.%2e/things?a=1',
  '/v1\\things',
  '/v1/files/..\\things',
  '/v1/things/x/..',
  '/v1/things/.',
])('a proof is refused for a request to %s, which a URL parser would resolve to the URL of the proof', async (path) => {
  const { send, proof } = setup;
  const htu = new URL(path, url).href;
  const refused = send(proof({ htu }), { url: `https://api.example.com${path}` });
  expect((await rejection(refused)).message).toContain('another URL');
});

test('a proof is accepted for a request whose path or query only resembles a path that would be resolved', async () => {
  const { send, proof } = setup;
  for (const path of ['/v1/...', '/v1/.things', '/v1/things.', '/v1/%2E%2Ethings', '/v1/things?a=/../b\\c']) {
    const full = `https://api.example.com${path}`;
    await expect(send(proof({ htu: full }), { url: full })).resolves.toBeDefined();
  }
});

test('proofs of two keys may have the same jti', async () => {
  const other = createSigningKey('other');
  const token = setup.token({ cnf: { jkt: await calculateJwkThumbprint(other.jwk) } });
  const ath = createHash('sha256').update(token).digest('base64url');
  await setup.send(setup.proof({ jti: 'one' }));
  await expect(setup.send(setup.proof({ jti: 'one', ath }, {}, other), { token })).resolves.toBeDefined();
});

describe('nonces', () => {
  const nonceRequired = { nonceRequired: true };

  test('a proof without a nonce is refused with the cause use_dpop_nonce if nonceRequired is true', async () => {
    const { send, proof } = setUp(nonceRequired);
    expect(await rejection(send(proof()))).toMatchObject({
      code: 'invalid_token',
      reason: 'use_dpop_nonce',
      cause: { type: 'dpop', error: 'use_dpop_nonce' },
    });
  });

  test('verifiers with the same dpopNonceKey accept the same nonce, and a verifier with another key sends another', async () => {
    const dpopNonceKey = new Uint8Array(32).fill(7);
    const [one, two] = [setUp(nonceRequired, { dpopNonceKey }), setUp(nonceRequired, { dpopNonceKey })];
    const nonce = one.verifier.dpopNonce();
    await expect(one.send(one.proof({ nonce }))).resolves.toBeDefined();
    await expect(two.send(two.proof({ nonce }))).resolves.toBeDefined();
    expect(setUp().verifier.dpopNonce()).not.toBe(nonce);
  });

  test('a nonce is sent for five minutes, and accepted for ten minutes', async () => {
    const { clock, send, proof, verifier } = setUp(nonceRequired);
    const nonce = verifier.dpopNonce();
    clock.advance(299_000);
    expect(verifier.dpopNonce()).toBe(nonce);
    clock.advance(1000);
    expect(verifier.dpopNonce()).not.toBe(nonce);
    const token = setup.token({ cnf: { jkt: thumbprint }, exp: clock.nowSeconds() + 1000 });
    const ath = createHash('sha256').update(token).digest('base64url');
    clock.advance(299_000);
    await expect(send(proof({ nonce, ath }), { token })).resolves.toBeDefined();
    clock.advance(1000);
    expect(await rejection(send(proof({ nonce, ath }), { token }))).toMatchObject({ reason: 'use_dpop_nonce' });
  });

  test.each(['', 'x', 7, 'A'.repeat(43), 'é'.repeat(43)])(
    'a proof with the nonce %j is refused as use_dpop_nonce',
    async (nonce) => {
      const { send, proof } = setUp(nonceRequired);
      expect(await rejection(send(proof({ nonce })))).toMatchObject({ reason: 'use_dpop_nonce' });
    },
  );
});

test('a replayStore decides whether a proof is new, and receives only a digest of the proof', async () => {
  const seen: [string, number, string][] = [];
  const store = {
    add: async (proofId: string, seconds: number, callerId: string) => {
      seen.push([proofId, seconds, callerId]);
      return seen.length === 1;
    },
  };
  const { send, proof } = setUp({}, { replayStore: store });
  await expect(send(proof({ jti: 'canary' }))).resolves.toBeDefined();
  expect((await rejection(send(proof({ jti: 'canary' })))).message).toContain('used before');
  const aDigest = expect.stringMatching(/^[\w-]{43}$/) as string;
  expect(seen[0]).toEqual([aDigest, 71, aDigest]);
  expect(seen[1]).toEqual(seen[0]);
});

test('a replayStore receives one callerId for all keys of a principal, and another one for each other principal', async () => {
  const seen = new Set<string>();
  const replayStore = { add: (_proofId: string, _seconds: number, callerId: string) => Boolean(seen.add(callerId)) };
  const { send, proof, token } = setUp({}, { replayStore });
  const sendAs = async (sub: string, key: SigningKey) => {
    const bound = token({ sub, cnf: { jkt: await calculateJwkThumbprint(key.jwk) } });
    const ath = createHash('sha256').update(bound).digest('base64url');
    await send(proof({ ath }, {}, key), { token: bound });
  };
  await sendAs('alice', callerKey);
  await sendAs('alice', createSigningKey('second'));
  expect(seen.size).toBe(1);
  await sendAs('bob', callerKey);
  expect(seen.size).toBe(2);
});

test('a proof with an iat in the future is refused as used at the last moment at which its age is accepted', async () => {
  const { send, proof, clock } = setup;
  const used = proof({ iat: clock.nowSeconds() + 5 });
  await send(used);
  clock.advance(70_000);
  expect((await rejection(send(used))).message).toContain('used before');
});

test('explain() checks the proof last', async () => {
  const { verifier, boundToken, proof } = setup;
  const withProof = await verifier.explain(boundToken, { dpop: { proof: proof(), method: 'POST', url } });
  expect(withProof.accepted).toBe(true);
  const bearer = await verifier.explain(setup.token(), { dpop: { proof: proof(), method: 'POST', url } });
  expect(bearer.checks.at(-1)).toMatchObject({ check: 'proof', outcome: 'failed' });
  await expect(verifier.explain(setup.token())).resolves.toMatchObject({ accepted: true });
  const without = await verifier.explain(boundToken);
  expect(without.checks.at(-1)).toMatchObject({ check: 'proof', outcome: 'failed' });
});
