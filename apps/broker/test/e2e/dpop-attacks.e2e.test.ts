import { createHash, createHmac, generateKeyPairSync, randomUUID, sign, type KeyObject } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createSandbox, type Sandbox } from '@valetkey/sandbox';
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import type { BrokerConfigInput } from '../../src/config/define-config.ts';
import { createDpopKey } from '../support/dpop-key.ts';
import { createPostgresSchema, isPostgresAvailable } from '../support/postgres-server.ts';
import { sendBytes } from '../support/raw-connection.ts';
import { createConfigFor, startRecordingBroker, type RecordingBroker } from '../support/recording-broker.ts';

const publicUrl = 'https://broker.example.com';
const sessionUrl = `${publicUrl}/v1/session`;
const hasPostgres = await isPostgresAvailable();
const key = createDpopKey();

let sandbox: Sandbox;
let broker: RecordingBroker;
let token: string;

const startBroker = (dpop: object, changes: Partial<BrokerConfigInput> = {}) => {
  const issuers = [{ issuer: sandbox.urls.idp, audiences: ['valetkey'], dpop }];
  return startRecordingBroker({ ...createConfigFor(sandbox), publicUrl, issuers, ...changes });
};
const mintBoundToken = (sub: string, jkt = key.thumbprint) => sandbox.mintUserToken({ sub, claims: { cnf: { jkt } } });

beforeAll(async () => {
  sandbox = await createSandbox();
  broker = await startBroker({ algorithms: ['ES256', 'RS256', 'PS256'] });
  token = await mintBoundToken('alice');
});
beforeEach(() => sandbox.resetCalls());
afterAll(async () => {
  await broker.broker.close();
  await sandbox.close();
});

const prove = (claims: object = {}) => key.prove({ method: 'GET', url: sessionUrl, token }, claims);

interface Sent {
  readonly to?: RecordingBroker;
  readonly authorization?: string;
  readonly headers?: Record<string, string>;
}

/** Requests the session with a proof. */
async function send(proof: string, { to = broker, authorization = `DPoP ${token}`, headers = {} }: Sent = {}) {
  const response = await fetch(`${to.brokerUrl}/v1/session`, { headers: { authorization, dpop: proof, ...headers } });
  const body = (await response.json()) as { code?: string; detail?: string; subject?: string };
  return { status: response.status, headers: response.headers, ...body };
}

/** Sends a request whose target no HTTP client would send. */
function sendTarget(method: string, target: string, proof: string) {
  return sendBytes(broker.brokerUrl, [
    `${method} ${target} HTTP/1.1\r\nHost: broker.example.com\r\nAuthorization: DPoP ${token}\r\nDPoP: ${proof}\r\nConnection: close\r\n\r\n`,
  ]);
}

test.each([
  '/v1/vendors/nymbl/proxy/../../../session',
  '/v1/vendors/nymbl/proxy/%2e%2E/.%2e/%2e./session',
  String.raw`/v1/vendors/nymbl/proxy/..\..\..\session`,
  'http://broker.example.com/v1/vendors/nymbl/proxy/../../../session',
])('a proof for the session is refused for the proxied call %s', async (target) => {
  const { statuses, text } = await sendTarget('GET', target, prove());
  expect(statuses).toEqual([401]);
  expect(text).toContain('is for another URL (htu)');
  expect(sandbox.calls()['nymbl']).toEqual({});
});

test.each([
  'http://evil?',
  'http://evil?a=',
  'https://evil#',
  'http://evil#?',
  'http://',
  'HTTP://evil?',
  String.raw`http:\\evil`,
])('a proof for the root of the broker issues no token at a target that begins with %s', async (start) => {
  const proof = key.prove({ method: 'POST', url: `${publicUrl}/`, token });
  const { statuses } = await sendTarget('POST', `${start}/v1/vendors/nudge/token`, proof);
  expect(statuses).not.toEqual([200]);
  expect(sandbox.calls()['nudge']).toEqual({});
});

test.each([
  ['x-original-url', '/v1/other'],
  ['x-rewrite-url', '/v1/other'],
  ['x-forwarded-prefix', '/v1/other'],
  ['x-forwarded-uri', '/v1/other'],
])('a proof for another path is refused, whatever %s says', async (name, value) => {
  const proof = key.prove({ method: 'GET', url: `${publicUrl}/v1/other`, token });
  expect(await send(proof, { headers: { [name]: value } })).toMatchObject({ status: 401, code: 'invalid_token' });
});

test.each(['x-http-method-override', 'x-http-method', 'x-method-override'])(
  'a proof for another method is refused, whatever %s says',
  async (name) => {
    const headers = { [name]: 'POST', 'x-forwarded-proto': 'http' };
    expect(await send(prove({ htm: 'POST' }), { headers })).toMatchObject({ status: 401, code: 'invalid_token' });
    expect(await send(prove(), { headers })).toMatchObject({ status: 200, subject: 'alice' });
  },
);

test.each([
  'https://broker.example.com./v1/session',
  'https://broker.example.com.evil.example/v1/session',
  'https://broker.example.com@evil.example/v1/session',
  'http://broker.example.com:443/v1/session',
  'https://broker.example.com/V1/session',
  'https://broker.example.com/v1/session/',
  'https://broker.example.com//v1/session',
  'https://broker.example.com/v1%2Fsession',
  'https://broker.example.com/v1/%2573ession',
  'blob:https://broker.example.com/v1/session',
  'wss://broker.example.com/v1/session',
  '//broker.example.com/v1/session',
])('a proof for %s is refused for the session', async (htu) => {
  expect(await send(prove({ htu }))).toMatchObject({ status: 401, detail: 'The DPoP proof is for another URL (htu).' });
});

describe('a proof with a key or signature of another kind is refused', () => {
  const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const claims = (ofToken: string) => ({
    jti: randomUUID(),
    htm: 'GET',
    htu: sessionUrl,
    iat: Math.floor(Date.now() / 1e3),
    ath: createHash('sha256').update(ofToken).digest('base64url'),
  });
  /** Returns a proof of any header, with a signature of any kind. */
  const forge = (header: object, signWith: (input: string) => Buffer, ofToken = token): string => {
    const input = `${encode({ typ: 'dpop+jwt', ...header })}.${encode(claims(ofToken))}`;
    return `${input}.${signWith(input).toString('base64url')}`;
  };
  const thumbprintOf = ({ e, n }: Record<string, unknown>) =>
    createHash('sha256')
      .update(JSON.stringify({ e, kty: 'RSA', n }))
      .digest('base64url');
  const signRsa = (privateKey: KeyObject) => (input: string) => sign('sha256', Buffer.from(input), privateKey);

  test.each<[string, () => string]>([
    ['none, without a signature', () => forge({ alg: 'none', jwk: key.publicJwk }, () => Buffer.alloc(0))],
    [
      'HS256, with the public key as the secret',
      () =>
        forge({ alg: 'HS256', jwk: key.publicJwk }, (input) =>
          createHmac('sha256', JSON.stringify(key.publicJwk)).update(input).digest(),
        ),
    ],
    [
      'HS256, with a secret in the header',
      () =>
        forge({ alg: 'HS256', jwk: { kty: 'oct', k: 'AA' } }, (input) =>
          createHmac('sha256', Buffer.from([0]))
            .update(input)
            .digest(),
        ),
    ],
    [
      'RS256, over the elliptic key of the token',
      () => forge({ alg: 'RS256', jwk: key.publicJwk }, () => Buffer.alloc(256, 1)),
    ],
    ['ES256, with a signature of zeros', () => forge({ alg: 'ES256', jwk: key.publicJwk }, () => Buffer.alloc(64))],
    ['ES256, with an empty signature', () => forge({ alg: 'ES256', jwk: key.publicJwk }, () => Buffer.alloc(0))],
    ['ES256, without a key in the header', () => forge({ alg: 'ES256', jku: sessionUrl }, () => Buffer.alloc(64))],
  ])('%s', async (_, createProof) => {
    expect(await send(createProof())).toMatchObject({ status: 401, code: 'invalid_token' });
  });

  test.each([
    [1024, 401],
    [2048, 200],
  ])('an RSA key of %i bits, to which the token is bound, gets the status %i', async (modulusLength, status) => {
    const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength });
    const jwk = publicKey.export({ format: 'jwk' });
    const bound = await mintBoundToken('alice', thumbprintOf({ ...jwk }));
    const authorization = `DPoP ${bound}`;
    const proofWith = (members: object) =>
      forge({ alg: 'RS256', jwk: { ...jwk, ...members } }, signRsa(privateKey), bound);
    expect(await send(proofWith({}), { authorization })).toMatchObject({ status });
    const { d, p, q } = privateKey.export({ format: 'jwk' });
    for (const members of [
      { d },
      { p, q },
      { use: 'enc' },
      { key_ops: ['sign'] },
      { alg: 'PS256' },
      { n: `${jwk.n}=` },
    ]) {
      expect(await send(proofWith(members), { authorization })).toMatchObject({ status: 401, code: 'invalid_token' });
    }
  });
});

test.each(['\0', '\u{d800}', '"}\r\n', '../../x', '👍'.repeat(128), ' ', '__proto__'])(
  'a proof with the jti %j is accepted once',
  async (jti) => {
    expect(await send(prove({ jti }))).toMatchObject({ status: 200, subject: 'alice' });
    expect(await send(prove({ jti }))).toMatchObject({ status: 401, detail: 'The DPoP proof was used before (jti).' });
  },
);

test.each<[string, () => string, number]>([
  ['a jti of 10 kB', () => prove({ jti: 'x'.repeat(7_000) }), 401],
  ['a jti that is a list', () => prove({ jti: ['a'] }), 401],
  ['a jti that is a number', () => prove({ jti: 7 }), 401],
  ['an iat that is not finite', () => prove({ iat: 1e300 }), 401],
  ['an iat that is negative', () => prove({ iat: -1 }), 401],
  ['an ath that is a list', () => prove({ ath: ['x'] }), 401],
  [
    'claims that are nested 5,000 times',
    () => `${prove().split('.')[0]}.${Buffer.from('['.repeat(5_000)).toString('base64url')}.x`,
    401,
  ],
  ['another proof behind a comma', () => `${prove()}, ${prove()}`, 401],
  ['a header of 20 kB', () => 'x'.repeat(20_000), 400],
])('a proof with %s is refused as its caller’s mistake', async (_, createProof, status) => {
  expect(await send(createProof())).toMatchObject({ status });
});

test('a token that is not bound, or bound to another key, is refused with the scheme DPoP', async () => {
  const bearer = await sandbox.mintUserToken({ sub: 'alice' });
  const ofOther = await mintBoundToken('alice', createDpopKey().thumbprint);
  for (const other of [
    bearer,
    ofOther,
    await mintBoundToken('alice', ''),
    await mintBoundToken('alice', `${key.thumbprint}=`),
  ]) {
    const proof = key.prove({ method: 'GET', url: sessionUrl, token: other });
    expect(await send(proof, { authorization: `DPoP ${other}` })).toMatchObject({ status: 401, code: 'invalid_token' });
  }
});

test.each(['é'.repeat(43), '\u{d800}', 'A'.repeat(43), '', 7, null])(
  'a proof with the nonce %j is refused with use_dpop_nonce',
  async (nonce) => {
    await using strict = await startBroker({ nonceRequired: true });
    const { status, headers } = await send(prove({ nonce }), { to: strict });
    expect(status).toBe(401);
    expect(headers.get('www-authenticate')).toMatch(/^DPoP error="use_dpop_nonce"/);
  },
);

describe('a principal with the largest number of proofs in use is refused alone, by every broker over', () => {
  async function expectFairness(store: NonNullable<BrokerConfigInput['store']>): Promise<void> {
    const changes = { store, dpop: { maxProofsPerPrincipal: 3 } };
    await using one = await startBroker({}, changes);
    await using two = await startBroker({}, changes);
    for (const to of [one, two, one]) expect(await send(prove(), { to })).toMatchObject({ status: 200 });
    for (const to of [one, two]) {
      const refused = await send(prove(), { to });
      expect(refused).toMatchObject({ status: 429, code: 'rate_limited' });
      expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(60);
      expect(refused.headers.get('www-authenticate')).toBeNull();
    }
    const second = createDpopKey();
    const ofSecondKey = await mintBoundToken('alice', second.thumbprint);
    const proof = second.prove({ method: 'GET', url: sessionUrl, token: ofSecondKey });
    expect(await send(proof, { to: two, authorization: `DPoP ${ofSecondKey}` })).toMatchObject({ status: 429 });
    const ofBob = await mintBoundToken('bob');
    const proofOfBob = key.prove({ method: 'GET', url: sessionUrl, token: ofBob });
    expect(await send(proofOfBob, { to: two, authorization: `DPoP ${ofBob}` })).toMatchObject({
      status: 200,
      subject: 'bob',
    });
    expect((await one.readRecords()).log).not.toContain('database');
  }

  test('one SQLite file', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'valetkey-'));
    onTestFinished(() => rm(folder, { recursive: true }));
    await expectFairness({ sqlite: join(folder, 'valetkey.sqlite') });
  });

  test.skipIf(!hasPostgres)('one PostgreSQL database', async () => {
    await using schema = await createPostgresSchema();
    await expectFairness({ postgres: schema.url });
  });
});
