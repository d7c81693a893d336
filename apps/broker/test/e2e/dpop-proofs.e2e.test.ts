import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ValetKeyError } from '@valetkey/core-types';
import { createSandbox, type Sandbox } from '@valetkey/sandbox';
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import type { BrokerConfigInput } from '../../src/config/define-config.ts';
import { createSqliteStore } from '../../src/storage/sqlite-store.ts';
import { createDpopKey } from '../support/dpop-key.ts';
import { createPostgresSchema, isPostgresAvailable } from '../support/postgres-server.ts';
import { sendBytes } from '../support/raw-connection.ts';
import { createConfigFor, startRecordingBroker, type RecordingBroker } from '../support/recording-broker.ts';

// Another host than the one on which the broker listens, as behind a proxy.
const publicUrl = 'https://broker.example.com';
const origin = 'http://localhost:5173';
const hasPostgres = await isPostgresAvailable();
const key = createDpopKey();
const other = createDpopKey();

let sandbox: Sandbox;
let broker: RecordingBroker;
let token: string;

const startBroker = (dpop: object, changes: Partial<BrokerConfigInput> = {}) => {
  const config = createConfigFor(sandbox);
  const issuers = [{ issuer: sandbox.urls.idp, audiences: ['valetkey'], dpop }];
  return startRecordingBroker({ ...config, publicUrl, issuers, cors: { origins: [origin] }, ...changes });
};

beforeAll(async () => {
  sandbox = await createSandbox();
  broker = await startBroker({});
  token = await sandbox.mintUserToken({ sub: 'alice', claims: { cnf: { jkt: key.thumbprint } } });
});
beforeEach(() => sandbox.resetCalls());
afterAll(async () => {
  await broker.broker.close();
  await sandbox.close();
});

const issuePath = '/v1/vendors/nudge/token';
const urlOf = (path: string) => publicUrl + path;
const prove = (path = issuePath, method = 'POST') => key.prove({ method, url: urlOf(path), token });

interface Sent {
  readonly proof?: string | undefined;
  readonly path?: string;
  readonly method?: string;
  readonly headers?: Record<string, string>;
}

/** Sends a request with a token of the scheme `DPoP`. */
function send({ proof, path = issuePath, method = 'POST', headers = {} }: Sent, to = broker): Promise<Response> {
  const proofHeader = proof === undefined ? {} : { dpop: proof };
  return fetch(to.brokerUrl + path, {
    method,
    headers: { authorization: `DPoP ${token}`, ...proofHeader, ...headers },
  });
}

test.each([
  ['POST', issuePath],
  ['GET', issuePath],
  ['GET', '/v1/session'],
  ['GET', '/v1/session?explain='],
  ['POST', '/v1/vendors/vital/token'],
  ['GET', '/v1/vendors/nymbl/proxy/Patients?$top=1'],
])('a bound token is accepted on %s %s with a proof for the public URL', async (method, path) => {
  const [bare = ''] = path.split('?');
  const response = await send({ method, path, proof: prove(bare, method) });
  expect([200, 403]).toContain(response.status);
  expect(response.headers.get('dpop-nonce')).toBeNull();
});

test('the audit has the fingerprint of a bound token, and no record has the proof or the token', async () => {
  await using audited = await startBroker({}, { audit: { key: 'a-key-of-at-least-thirty-two-characters' } });
  const proof = prove();
  expect((await send({ proof }, audited)).status).toBe(200);
  expect((await send({ proof }, audited)).status).toBe(401);
  const { audit, log } = await audited.readRecords();
  expect(JSON.parse(audit)).toMatchObject({
    decisions: [{ outcome: 'allowed', token_fingerprint: expect.any(String) }],
  });
  for (const text of [audit, log]) {
    for (const part of [...proof.split('.'), ...token.split('.')]) expect(text).not.toContain(part);
  }
  expect(log).toContain('invalid_dpop_proof');
});

describe('a proof is refused', () => {
  const claims = (changes: object) => key.prove({ method: 'POST', url: urlOf(issuePath), token }, changes);
  const header = (changes: object) => key.prove({ method: 'POST', url: urlOf(issuePath), token }, {}, changes);
  const now = () => Math.floor(Date.now() / 1000);

  test.each<[string, () => string | undefined, string]>([
    ['that is absent', () => undefined, 'is missing'],
    ['that is no JWT', () => 'x', 'not a JWT'],
    ['that is the token itself', () => token, 'another typ'],
    ['with another typ', () => header({ typ: 'JWT' }), 'another typ'],
    ['with the algorithm none', () => header({ alg: 'none' }), 'another algorithm'],
    ['with a symmetric algorithm', () => header({ alg: 'HS256' }), 'another algorithm'],
    ['without a key', () => header({ jwk: undefined }), 'no usable public key'],
    ['with a private key', () => header({ jwk: key.privateJwk }), 'no usable public key'],
    ['with the key of another caller', () => header({ jwk: other.publicJwk }), 'wrong signature'],
    [
      'signed with another key',
      () => other.prove({ method: 'POST', url: urlOf(issuePath), token }),
      'another key than the key of the token',
    ],
    ['for another method', () => claims({ htm: 'GET' }), 'another method'],
    ['for another path', () => claims({ htu: urlOf('/v1/vendors/vital/token') }), 'another URL'],
    ['for another host', () => claims({ htu: `https://evil.example.com${issuePath}` }), 'another URL'],
    ['for the address of the listener', () => claims({ htu: broker.brokerUrl + issuePath }), 'another URL'],
    ['for another scheme', () => claims({ htu: `http://broker.example.com${issuePath}` }), 'another URL'],
    ['for another port', () => claims({ htu: `https://broker.example.com:8443${issuePath}` }), 'another URL'],
    ['for another token', () => key.prove({ method: 'POST', url: urlOf(issuePath), token: 'x' }), 'another token'],
    ['without the hash of the token', () => claims({ ath: undefined }), 'another token'],
    ['that is too old', () => claims({ iat: now() - 70 }), 'within the last 60 seconds'],
    ['of the future', () => claims({ iat: now() + 10 }), 'within the last 60 seconds'],
    ['without a jti', () => claims({ jti: undefined }), 'no usable jti'],
  ])('%s', async (_, makeProof, message) => {
    const response = await send({ proof: makeProof() });
    expect(response.status).toBe(401);
    expect(response.headers.get('www-authenticate')).toMatch(/^DPoP error="invalid_dpop_proof", .*algs="/);
    const problem = (await response.json()) as { code: string; detail: string };
    expect(problem.code).toBe('invalid_token');
    expect(problem.detail).toContain(message);
    expect(sandbox.calls()['nudge']).toEqual({});
  });

  test('that was used, on the same route', async () => {
    const proof = prove();
    expect((await send({ proof })).status).toBe(200);
    const response = await send({ proof });
    expect([response.status, await response.json()]).toMatchObject([
      401,
      { detail: 'The DPoP proof was used before (jti).' },
    ]);
  });

  test('for the host that a forged header names', async () => {
    const proof = key.prove({ method: 'POST', url: `https://evil.example.com${issuePath}`, token });
    const headers = { 'x-forwarded-host': 'evil.example.com', forwarded: 'host=evil.example.com' };
    expect((await send({ proof, headers })).status).toBe(401);
    const { text } = await sendBytes(broker.brokerUrl, [
      `POST https://evil.example.com${issuePath} HTTP/1.1\r\nHost: evil.example.com\r\nAuthorization: DPoP ${token}\r\nDPoP: ${proof}\r\nConnection: close\r\n\r\n`,
    ]);
    expect(text).toContain('is for another URL (htu)');
  });

  test('for a path that a URL parser would resolve to another route', async () => {
    const path = '/v1/vendors/nymbl/proxy/../../../session';
    const proof = prove('/v1/session', 'GET');
    const { statuses } = await sendBytes(broker.brokerUrl, [
      `GET ${path} HTTP/1.1\r\nHost: broker.example.com\r\nAuthorization: DPoP ${token}\r\nDPoP: ${proof}\r\nConnection: close\r\n\r\n`,
    ]);
    expect(statuses).not.toEqual([200]);
    expect(sandbox.calls()['nymbl']).toEqual({});
  });
});

test('a bound token is refused as a bearer token, and without a scheme, with a challenge that names DPoP', async () => {
  for (const [method, authorization] of [
    ['POST', `Bearer ${token}`],
    ['GET', `Bearer ${token}`],
    ['GET', token],
  ] as const) {
    const response = await send({ method, proof: prove(issuePath, method), headers: { authorization } });
    expect(response.status).toBe(401);
    expect(response.headers.get('www-authenticate')).toMatch(
      /^DPoP error="invalid_token", .*algs="ES256 EdDSA Ed25519"/,
    );
    expect(await response.json()).toMatchObject({
      remediation: expect.stringContaining('`Authorization: DPoP') as string,
    });
  }
});

test('a request without a token is offered both schemes, and an expired bearer token as well', async () => {
  const absent = await broker.call('/v1/session');
  const metadata = `resource_metadata="${publicUrl}/.well-known/oauth-protected-resource"`;
  expect(absent.headers.get('www-authenticate')).toBe(
    `Bearer ${metadata}, DPoP algs="ES256 EdDSA Ed25519", ${metadata}`,
  );
  const invalid = await broker.call('/v1/session', 'a.b.c');
  expect(invalid.headers.get('www-authenticate')).toMatch(/^Bearer error="invalid_token", .*, DPoP algs="ES256/);
});

test('a broker whose only identity provider requires bound tokens offers no bearer token, also in its metadata', async () => {
  // Authgear would be another identity provider, which signs its own users in.
  const { nudge } = createConfigFor(sandbox).vendors;
  await using strict = await startBroker({ required: true, algorithms: ['ES256'] }, { vendors: { nudge } });
  expect((await strict.call('/v1/session')).headers.get('www-authenticate')).toMatch(/^DPoP algs="ES256", /);
  const metadata = await strict.call('/.well-known/oauth-protected-resource');
  expect(await metadata.json()).toMatchObject({
    dpop_signing_alg_values_supported: ['ES256'],
    dpop_bound_access_tokens_required: true,
  });
  const bearer = await sandbox.mintUserToken({ sub: 'alice' });
  expect((await strict.issue('nudge', bearer)).status).toBe(401);
});

test('a broker without `dpop` refuses the scheme DPoP, and names it in no challenge and no metadata', async () => {
  const config = createConfigFor(sandbox);
  await using plain = await startRecordingBroker({ ...config, publicUrl });
  const response = await send({ proof: prove() }, plain);
  expect([response.status, await response.json()]).toMatchObject([401, { code: 'missing_token' }]);
  expect(response.headers.get('www-authenticate')).toMatch(/^Bearer resource_metadata="[^"]+"$/);
  const metadata = await plain.call('/.well-known/oauth-protected-resource');
  expect(await metadata.text()).not.toContain('dpop');
});

describe('routes that accept no proof', () => {
  test.each([
    ['Bearer', ''],
    ['DPoP', 'with a proof'],
  ])('/v1/authorize refuses a bound token with the scheme %s, and says what to do', async (scheme) => {
    const response = await fetch(`${broker.brokerUrl}/v1/authorize`, {
      headers: { authorization: `${scheme} ${token}`, dpop: prove('/v1/authorize', 'GET') },
    });
    expect(response.status).toBe(401);
    expect(response.headers.get('www-authenticate')).toMatch(/^Bearer error="invalid_token"/);
    expect(response.headers.get('www-authenticate')).not.toContain('DPoP algs');
    expect(await response.json()).toMatchObject({
      code: 'invalid_token',
      remediation: expect.stringContaining('Forward authentication accepts no token that is bound to a key') as string,
    });
  });

  test.each(['Bearer', 'DPoP'])('/v1/resolve calls a bound token with the scheme %s invalid', async (scheme) => {
    const { status, headers } = await fetch(`${broker.brokerUrl}/v1/resolve`, {
      headers: { authorization: `${scheme} ${token}`, dpop: prove('/v1/resolve', 'GET') },
    });
    expect([status, headers.get('x-valetkey-session-valid')]).toEqual([200, 'false']);
  });

  test('a token exchange refuses a bound subject token, and names the route that accepts it', async () => {
    const response = await fetch(`${broker.brokerUrl}/oauth2/token`, {
      method: 'POST',
      headers: { dpop: prove('/oauth2/token') },
      body: new URLSearchParams({
        grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
        subject_token: token,
        subject_token_type: 'urn:ietf:params:oauth:token-type:access_token',
        audience: 'nudge',
      }),
    });
    expect([response.status, await response.json()]).toMatchObject([
      400,
      {
        code: 'invalid_token',
        error_description: expect.stringContaining('POST /v1/vendors/{connection}/token') as string,
      },
    ]);
  });
});

test('a web page may send a proof, and read the challenge, the nonce and the date of a response', async () => {
  const preflight = await fetch(broker.brokerUrl + issuePath, {
    method: 'OPTIONS',
    headers: {
      origin,
      'access-control-request-method': 'POST',
      'access-control-request-headers': 'authorization,dpop',
    },
  });
  expect(preflight.headers.get('access-control-allow-headers')).toContain('dpop');
  const { headers } = await send({ headers: { origin } });
  const exposed = headers.get('access-control-expose-headers')?.split(', ');
  expect(exposed).toEqual(expect.arrayContaining(['dpop-nonce', 'www-authenticate', 'date']));
});

describe('nonces', () => {
  test('each response to a DPoP caller has the nonce, and a proof without it is refused with use_dpop_nonce', async () => {
    await using strict = await startBroker({ nonceRequired: true });
    const refused = await send({ proof: prove() }, strict);
    expect(refused.status).toBe(401);
    expect(refused.headers.get('www-authenticate')).toMatch(/^DPoP error="use_dpop_nonce"/);
    const nonce = refused.headers.get('dpop-nonce');
    const path = '/v1/vendors/nymbl/proxy/Patients';
    const proof = key.prove({ method: 'GET', url: urlOf(path), token }, { nonce });
    const accepted = await send({ method: 'GET', path, proof }, strict);
    expect([accepted.status, accepted.headers.get('dpop-nonce')]).toEqual([200, nonce]);
    const bearer = await strict.issue('nudge', await sandbox.mintUserToken({ sub: 'alice' }));
    expect([bearer.status, bearer.headers.get('dpop-nonce')]).toEqual([200, null]);
  });

  test('brokers with one `dpop.nonceKey` accept the nonces of each other, and a broker with another key does not', async () => {
    const start = (secret: string) => startBroker({ nonceRequired: true }, { dpop: { nonceKey: secret.repeat(32) } });
    await using one = await start('a');
    await using two = await start('a');
    await using three = await start('b');
    const nonce = (await send({ proof: prove() }, one)).headers.get('dpop-nonce');
    const proof = () => key.prove({ method: 'POST', url: urlOf(issuePath), token }, { nonce });
    expect((await send({ proof: proof() }, two)).status).toBe(200);
    expect((await send({ proof: proof() }, three)).status).toBe(401);
  });
});

describe('two brokers over one store', () => {
  /** Sends each of many proofs to both brokers at once, and expects that exactly one of them accepts it. */
  async function expectEachProofOnce(store: NonNullable<BrokerConfigInput['store']>): Promise<void> {
    await using one = await startBroker({}, { store });
    await using two = await startBroker({}, { store });
    const proofs = Array.from({ length: 40 }, () => prove('/v1/session', 'GET'));
    const outcomes = await Promise.all(
      proofs.map(async (proof) => {
        const request = { method: 'GET', path: '/v1/session', proof };
        const responses = await Promise.all([send(request, one), send(request, two), send(request, one)]);
        return responses.map(({ status }) => status).toSorted();
      }),
    );
    expect(outcomes).toEqual(proofs.map(() => [200, 401, 401]));
  }

  test('each proof is accepted once by both brokers together over one SQLite file, and not after a restart', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'valetkey-'));
    onTestFinished(() => rm(folder, { recursive: true }));
    const store = { sqlite: join(folder, 'valetkey.sqlite') };
    await expectEachProofOnce(store);
    const proof = prove();
    await using first = await startBroker({}, { store });
    expect((await send({ proof }, first)).status).toBe(200);
    await first.broker.close();
    await using second = await startBroker({}, { store });
    expect((await send({ proof }, second)).status).toBe(401);
  });

  test.skipIf(!hasPostgres)(
    'each proof is accepted once by both brokers together over one PostgreSQL database',
    async () => {
      await using schema = await createPostgresSchema();
      await expectEachProofOnce({ postgres: schema.url });
    },
  );
});

test('a proof is refused with overloaded, and no vendor is called, while the store cannot remember it', async () => {
  const store = createSqliteStore(':memory:');
  const failure = new ValetKeyError('overloaded', 'The broker cannot use its database.', { reason: 'SQLITE_FULL' });
  const config = createConfigFor(sandbox);
  await using failing = await startRecordingBroker(
    { ...config, publicUrl, issuers: [{ issuer: sandbox.urls.idp, audiences: ['valetkey'], dpop: {} }] },
    { store: { ...store, rememberProof: () => Promise.reject(failure) } },
  );
  const response = await send({ proof: prove() }, failing);
  expect([response.status, await response.json()]).toMatchObject([503, { code: 'overloaded' }]);
  expect(response.headers.get('retry-after')).toBe('1');
  expect(sandbox.calls()['nudge']).toEqual({});
});
