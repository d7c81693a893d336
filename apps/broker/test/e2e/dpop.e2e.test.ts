import { createSandbox, type Sandbox } from '@valetkey/sandbox';
import { createValetClient, dpopProofs } from '@valetkey/client-sdk';
import * as oauth from 'oauth4webapi';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createDpopKey } from '../support/dpop-key.ts';
import { findFreePort } from '../support/free-port.ts';
import { startOpenidProvider } from '../support/openid-provider.ts';
import { createConfigFor, startRecordingBroker, type RecordingBroker } from '../support/recording-broker.ts';

const audience = 'https://api.example.com';
const curve = { name: 'ECDSA', namedCurve: 'P-256' };
const insecure = { [oauth.allowInsecureRequests]: true };

let provider: Awaited<ReturnType<typeof startOpenidProvider>>;
let sandbox: Sandbox;

/** Starts a broker that accepts the tokens of `oidc-provider`. */
async function startBroker(dpop: object): Promise<RecordingBroker> {
  const port = await findFreePort();
  const config = createConfigFor(sandbox);
  return startRecordingBroker({
    ...config,
    listen: { port },
    publicUrl: `http://127.0.0.1:${port}`,
    issuers: [...config.issuers, { issuer: provider.issuer, audiences: [audience], dpop }],
  });
}

/** Signs a user in at `oidc-provider`, whose token is bound to a key pair that cannot be exported. */
async function signIn(subject: string) {
  const key = createDpopKey();
  const [privateKey, publicKey] = await Promise.all([
    crypto.subtle.importKey('jwk', key.privateJwk, curve, false, ['sign']),
    crypto.subtle.importKey('jwk', key.publicJwk, curve, true, ['verify']),
  ]);
  return { token: await provider.signIn(subject, audience, key), keyPair: { privateKey, publicKey }, key };
}

let broker: RecordingBroker;
let strict: RecordingBroker;
beforeAll(async () => {
  provider = await startOpenidProvider(audience);
  sandbox = await createSandbox();
  broker = await startBroker({});
  strict = await startBroker({ required: true, nonceRequired: true });
});
afterAll(async () => {
  await broker.broker.close();
  await strict.broker.close();
  await sandbox.close();
  await provider.close();
});

test('the client SDK issues, proxies and describes the session with a token that oidc-provider has bound to a key', async () => {
  const { token, keyPair } = await signIn('alice');
  const valet = createValetClient({
    brokerUrl: broker.brokerUrl,
    getAppToken: () => token,
    dpop: dpopProofs(keyPair),
  });
  expect(await valet.session()).toMatchObject({ issuer: provider.issuer, subject: 'alice' });
  expect(await valet.issue('nudge')).toMatchObject({ vendor: 'nudge', token: expect.any(String) as string });
  expect(await valet.issue('vital')).toMatchObject({ vendor: 'vital' });
  const response = await valet.fetch('nymbl', '/Patients?$top=1&name=M%C3%BCller');
  expect([response.status, response.headers.get('valet-key')]).toEqual([200, 'vendor']);
});

test('the client SDK gets a nonce from a broker that requires one, and sends it with each later call', async () => {
  const { token, keyPair } = await signIn('alice');
  const nonces: (string | undefined)[] = [];
  const prove = dpopProofs(keyPair);
  const valet = createValetClient({
    brokerUrl: strict.brokerUrl,
    getAppToken: () => token,
    dpop: (request) => {
      nonces.push(request.nonce);
      return prove(request);
    },
  });
  expect(await valet.session()).toMatchObject({ subject: 'alice' });
  expect(await valet.issue('nudge')).toMatchObject({ vendor: 'nudge' });
  const nonce = expect.stringMatching(/^[\w-]{43}$/) as string;
  expect(nonces).toEqual([undefined, nonce, nonce]);
});

test('a stolen token is of no use without its key: as a bearer token, without a proof, and with another key', async () => {
  const { token } = await signIn('alice');
  const other = await signIn('mallory');
  const url = `${broker.brokerUrl}/v1/session`;
  const send = (headers: Record<string, string>) => fetch(url, { headers });
  const proof = other.key.prove({ method: 'GET', url, token });
  for (const headers of [
    { authorization: `Bearer ${token}` },
    { authorization: `Bearer ${token}`, dpop: proof },
    { authorization: `DPoP ${token}` },
    { authorization: `DPoP ${token}`, dpop: proof },
  ]) {
    const response = await send(headers as unknown as Record<string, string>);
    expect(response.status).toBe(401);
    expect(response.headers.get('www-authenticate')).toMatch(/^DPoP error="(?:invalid_token|invalid_dpop_proof)", /);
    expect(response.headers.get('www-authenticate')).toContain('algs="ES256 EdDSA Ed25519"');
    expect(await response.json()).toMatchObject({ code: 'invalid_token', remediation: expect.any(String) as string });
  }
});

test('oauth4webapi calls the broker with a proof of its own, and answers the challenge for a nonce', async () => {
  const { token, keyPair } = await signIn('alice');
  const DPoP = oauth.DPoP({}, keyPair);
  const url = new URL(`${strict.brokerUrl}/v1/session`);
  const send = () => oauth.protectedResourceRequest(token, 'GET', url, undefined, undefined, { ...insecure, DPoP });
  const challenge: unknown = await send().catch((error: unknown) => error);
  expect(oauth.isDPoPNonceError(challenge)).toBe(true);
  expect(await (await send()).json()).toMatchObject({ subject: 'alice' });
});

test('oauth4webapi accepts the proofs of `dpopProofs` in the place of the broker, and refuses one for another URL', async () => {
  const { token, keyPair } = await signIn('alice');
  const issuer = new URL(provider.issuer);
  const discovered = await oauth.discoveryRequest(issuer, insecure);
  const server = await oauth.processDiscoveryResponse(issuer, discovered);
  const requests: Request[] = [];
  const valet = createValetClient({
    brokerUrl: 'https://broker.example.com',
    getAppToken: () => token,
    dpop: dpopProofs(keyPair),
    fetch: async (url, init) => {
      requests.push(new Request(url, init));
      throw new Error('Offline.');
    },
  });
  await expect(valet.fetch('nymbl', '/Patients?$top=1')).rejects.toMatchObject({ code: 'network_unavailable' });
  const [request] = requests as [Request];
  const options = { ...insecure, requireDPoP: true };
  expect(await oauth.validateJwtAccessToken(server, request, audience, options)).toMatchObject({ sub: 'alice' });
  const moved = new Request('https://broker.example.com/v1/session', { headers: request.headers });
  await expect(oauth.validateJwtAccessToken(server, moved, audience, options)).rejects.toThrow(/htu/);
});

test('a bearer token of the same provider is accepted beside bound ones, and refused if bound tokens are required', async () => {
  const bearer = await provider.signIn('alice');
  expect((await broker.call('/v1/session', bearer)).status).toBe(200);
  const refused = await strict.call('/v1/session', bearer);
  expect(refused.status).toBe(401);
  expect(refused.headers.get('www-authenticate')).toMatch(/^DPoP error="invalid_token"/);
  expect((await strict.call('/v1/session', await sandbox.mintUserToken({ sub: 'alice' }))).status).toBe(200);
});
