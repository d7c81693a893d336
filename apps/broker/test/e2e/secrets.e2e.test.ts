import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createSandbox, sandboxCredentials } from '@valetkey/sandbox';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { startEchoingVendor, type EchoMode } from '../support/echoing-vendor.ts';
import { findSecrets } from '../support/find-secrets.ts';
import { startValetkey } from '../support/valetkey-process.ts';

/** The secrets that an operator entrusts to the broker, by the name of the environment variable or file. */
const configured = {
  NABLA_CURRENT: 'canary-nabla-current-0f1e',
  NABLA_NEXT: 'canary-nabla-next-2d3c',
  NUDGE_KEY: 'canary-nudge-key-4b5a',
  NYMBL_SECRET: 'canary-nymbl-secret-6978',
  NYMBL_SECRET_NEXT: 'canary-nymbl-secret-next-8796',
  NYMBL_API_KEY: 'canary-nymbl-api-key-a5b4',
  VITAL_KEY: 'sk_us_canary-vital-key-c3d2',
  ADMIN_TOKEN: 'canary-admin-token-e1f0',
  ADMIN_TOKEN_NEXT: 'canary-admin-token-next-1234',
  REDIS_PASSWORD: 'canary-redis-password-5678',
  SEALING_KEY: 'canary-sealing-key-9abc-0123456789abcdef0123',
  INTROSPECTION_SECRET: 'canary-introspection-secret-def0',
};

/** The tokens that vendors issue. Only the response to the caller that requested a token may contain it. */
const issued = {
  'nabla access': 'canary-issued-nabla-access-13',
  'nabla refresh': 'canary-issued-nabla-refresh-24',
  nudge: 'canary-issued-nudge-35',
  nymbl: 'canary-issued-nymbl-server-token-46',
  vital: 'canary-issued-vital-57',
};

const echoModes: readonly EchoMode[] = [
  ...([400, 401, 403, 404, 409, 429, 500, 503] as const),
  'malformed',
  'other-shape',
  'unusable-token',
  'redirect',
  'no-http',
];
/** The modes in which the broker does not return the vendor's response to a proxied call. */
const modesWithoutProxiedResponse = new Set<EchoMode>([401, 403, 429, 500, 503, 'redirect', 'no-http']);

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'valetkey-secrets-'));
});
afterEach(() => rm(folder, { recursive: true }));

async function readFolder(path: string) {
  const files = await readdir(path, { withFileTypes: true });
  const entries = files
    .filter((file) => file.isFile())
    .map(async ({ name }) => [`file ${name}`, await readFile(join(path, name))] as const);
  return Object.fromEntries(await Promise.all(entries));
}

const configFor = (vendorUrl: string, issuer: string) => `
listen: { port: 0 }
admin: { port: 0, token: { current: '\${env:ADMIN_TOKEN}', next: '\${file:admin-token-next}' } }
store: { sqlite: data/valetkey.sqlite }
log: { level: trace }
redis:
  url: 'redis://valetkey:\${env:REDIS_PASSWORD}@127.0.0.1:9'
  sealingKeys: [{ id: one, secret: '\${env:SEALING_KEY}' }]
issuers:
  - issuer: ${issuer}
    audiences: [valetkey]
    introspection:
      endpoint: ${vendorUrl}/introspect
      clientId: broker
      clientSecret: '\${env:INTROSPECTION_SECRET}'
vendors:
  nabla:
    baseUrl: ${vendorUrl}/nabla
    serverKey: { current: '\${env:NABLA_CURRENT}', next: '\${env:NABLA_NEXT}' }
    user: { claim: sub }
  nudge: { baseUrl: ${vendorUrl}/nudge, apiKey: '\${file:nudge-key}' }
  nymbl:
    baseUrl: ${vendorUrl}/nymbl
    tokenUrl: ${vendorUrl}/nymbl-idp
    clientId: broker
    clientSecret: { current: '\${env:NYMBL_SECRET}', next: '\${env:NYMBL_SECRET_NEXT}' }
    apiKey: '\${env:NYMBL_API_KEY}'
    customer: { claim: customer }
    allow: [{ method: GET, path: /Patients }, { method: POST, path: /Patients }]
  vital: { baseUrl: ${vendorUrl}/vital, apiKey: '\${env:VITAL_KEY}', environment: sandbox, region: us }
`;

/** Records the text of every response, apart from those that may contain a token. */
function createResponseRecorder() {
  let responses = '';
  let deliveries = '';
  const record = async (response: Response) =>
    `${JSON.stringify([...response.headers])}${await response.text().catch(() => '')}\n`;
  return {
    /** The responses that must not contain a secret. */
    responses: () => responses,
    /** The responses that may contain an issued token, or a vendor's response to a proxied call. */
    deliveries: () => deliveries,
    keep: async (response: Response) => {
      responses += await record(response);
      return response.status;
    },
    keepDelivery: async (response: Response) => {
      deliveries += await record(response);
      return response.status;
    },
  };
}

const call = (url: string, token: string | undefined, init: RequestInit = {}) =>
  fetch(url, { ...init, headers: { ...(token && { authorization: `Bearer ${token}` }), ...init.headers } });

const vendorRoutes: readonly [string, RequestInit][] = [
  ...['nabla', 'nudge', 'vital'].map((id): [string, RequestInit] => [`/v1/vendors/${id}/token`, { method: 'POST' }]),
  ['/v1/vendors/nymbl/proxy/Patients', {}],
  ['/v1/vendors/nymbl/proxy/Patients', { method: 'POST', body: '{"a":1}' }],
];

interface Urls {
  readonly brokerUrl: string;
  readonly adminUrl: string;
}
type Keep = (response: Response) => Promise<number>;

/** Sends a secret in every part of a request that the broker could quote in a response or a log line. */
async function sendSecretEverywhere(secret: string, validToken: string, { brokerUrl, adminUrl }: Urls, keep: Keep) {
  const issueUrl = `${brokerUrl}/v1/vendors/nudge/token`;
  const headers = { 'content-type': 'application/json' };
  await keep(await call(`${brokerUrl}/v1/session`, secret));
  await keep(await call(`${brokerUrl}/v1/resolve`, secret));
  await keep(await call(`${adminUrl}/v1/decisions`, secret === configured.ADMIN_TOKEN ? `${secret}x` : secret));
  await keep(await call(`${brokerUrl}/v1/session?access_token=${secret}`, undefined));
  await keep(await call(`${brokerUrl}/v1/${secret}`, validToken));
  await keep(await call(issueUrl, validToken, { method: 'POST', body: secret }));
  await keep(await call(`${brokerUrl}/v1/session`, undefined, { headers: { authorization: `Basic ${secret}` } }));
  const body = JSON.stringify({ access_token: secret });
  await keep(await call(issueUrl, validToken, { method: 'POST', headers, body }));
  await keep(await call(issueUrl, validToken, { method: 'POST', headers, body: `{"a":"${secret}` }));
}

/** Calls the admin routes with each of the two admin tokens, and sends the tokens in wrong places too. */
async function callAdminRoutes({ adminUrl }: Urls, issuer: string, keep: Keep) {
  for (const token of [configured.ADMIN_TOKEN, configured.ADMIN_TOKEN_NEXT]) {
    expect(await keep(await call(`${adminUrl}/v1/decisions?limit=1000`, token))).toBe(200);
    const query = new URLSearchParams({ issuer, subject: 'alice' });
    expect(await keep(await call(`${adminUrl}/v1/vendor-users?${query}`, token))).toBe(200);
    await keep(await call(`${adminUrl}/v1/vendor-users?issuer=${token}`, token));
    await keep(await call(`${adminUrl}/v1/vendor-users`, token, { method: 'PUT', body: token }));
  }
}

/** Starts `valetkey start` with every configured secret, over vendors that quote their requests. */
async function startBrokerWithSecrets(vendorUrl: string, issuer: string) {
  await writeFile(join(folder, 'valetkey.yaml'), configFor(vendorUrl, issuer));
  await writeFile(join(folder, 'nudge-key'), `${configured.NUDGE_KEY}\n`);
  await writeFile(join(folder, 'admin-token-next'), `${configured.ADMIN_TOKEN_NEXT}\r\n`);
  const broker = startValetkey(['start', '--config', 'valetkey.yaml'], folder, configured);
  const [, brokerUrl = '', adminUrl = ''] = await broker.waitForOutput(/listens on (\S+),\s+for operators on (\S+)\./);
  return { ...broker, brokerUrl, adminUrl };
}

test(
  '`valetkey start` reveals no secret, whatever its vendors respond and its callers send',
  { timeout: 60_000 },
  async () => {
    await using sandbox = await createSandbox();
    const retired = [configured.NABLA_CURRENT, configured.NYMBL_SECRET];
    await using vendor = await startEchoingVendor({ issued, retired });
    await using broker = await startBrokerWithSecrets(vendor.url, sandbox.urls.idp);
    const { brokerUrl, adminUrl } = broker;
    const { responses, deliveries, keep, keepDelivery } = createResponseRecorder();

    const appTokens: Record<string, string> = {};
    const mint = async (name: string, request: Parameters<typeof sandbox.mintUserToken>[0]) =>
      (appTokens[`app token (${name})`] = await sandbox.mintUserToken(request));
    const alice = await mint('valid', { sub: 'alice', claims: { customer: 'acme-corp' } });
    const refused = await Promise.all([
      mint('expired', { sub: 'alice', expires_in: -60 }),
      mint('of another audience', { sub: 'alice', audience: 'elsewhere' }),
      mint('of another issuer', { sub: 'alice', issuer: 'https://evil.example' }),
    ]);
    const opaque = 'canary-opaque-app-token-99aa';

    for (const [path, init] of vendorRoutes) {
      expect(await keepDelivery(await call(brokerUrl + path, alice, init))).toBe(200);
    }
    for (const [index, mode] of echoModes.entries()) {
      // Bob's customer has no server token yet, so the broker requests one from a vendor in this mode.
      const bob = await mint(`of ${mode}`, { sub: `bob-${index}`, claims: { customer: `customer-${index}` } });
      for (const token of [alice, bob]) {
        vendor.setMode(mode);
        for (const [path, init] of vendorRoutes) {
          // A proxied response comes from the vendor, which may quote the request.
          const isProxied = path.includes('/proxy/') && !modesWithoutProxiedResponse.has(mode);
          await (isProxied ? keepDelivery : keep)(await call(brokerUrl + path, token, init));
        }
        vendor.setMode('normal');
        await call(`${brokerUrl}/v1/vendors/nymbl/proxy/Patients`, bob);
      }
    }

    for (const secret of [...refused, opaque, configured.ADMIN_TOKEN, configured.NABLA_CURRENT, `${alice}x`]) {
      await sendSecretEverywhere(secret, alice, broker, keep);
    }
    await callAdminRoutes(broker, sandbox.urls.idp, keep);
    for (const path of ['/readyz', '/healthz', '/docs/errors', '/v1/nothing', '/v1/session', '/v1/resolve']) {
      await keep(await call(brokerUrl + path, alice));
      await keep(await call(adminUrl + path, alice));
    }
    const filesWhileRunning = await readFolder(join(folder, 'data'));
    broker.signal('SIGINT');
    expect(await broker.exitCode).toBe(0);
    const filesAfterwards = await readFolder(join(folder, 'data'));

    const secrets = { ...configured, ...issued, ...appTokens, 'opaque app token': opaque };
    const places = { output: broker.output(), responses: responses(), ...filesWhileRunning, ...filesAfterwards };
    expect(findSecrets(secrets, places)).toEqual([]);

    // The search itself works: it finds the subject and the delivered tokens. Each kind of vendor failure occurred.
    const subjectPlaces = ['output', 'responses', 'file valetkey.sqlite'].map((place) => `subject (plain) in ${place}`);
    expect(findSecrets({ subject: 'alice' }, places)).toEqual(expect.arrayContaining(subjectPlaces));
    const { nymbl: serverToken, ...clientTokens } = issued;
    const deliveredTokens = Object.keys(clientTokens).map((name) => `${name} (plain) in delivered`);
    expect(findSecrets(clientTokens, { delivered: deliveries() })).toEqual(deliveredTokens);
    const delivered = deliveries().split('\n').slice(0, vendorRoutes.length).join();
    expect(findSecrets({ serverToken, ...configured }, { delivered })).toEqual([]);
    expect(broker.output().includes('secret_switched')).toBe(true);
    const codes = ['vendor_auth_failed', 'vendor_rejected', 'vendor_response_invalid', 'vendor_unavailable'];
    expect(codes.filter((code) => !responses().includes(code))).toEqual([]);
  },
);

test('`valetkey dev` prints and stores no token and no credential of its sandbox', async () => {
  const ports = ['--port', '0', '--admin-port', '0', '--sandbox-port', '0'];
  await using dev = startValetkey(['dev', ...ports], folder);
  const [banner] = await dev.waitForOutput(/[\s\S]*Ctrl-C/);
  const [brokerUrl = '', , sandboxUrl = ''] = [...banner.matchAll(/http:\/\/127\.0\.0\.1:\d+/g)].map(([url]) => url);
  const minted = await fetch(`${sandboxUrl}/idp/dev-token`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: '{"sub":"alice"}',
  });
  const { access_token: alice } = (await minted.json()) as { access_token: string };
  const tokens: Record<string, string> = { alice };
  for (const connection of ['nabla', 'nudge', 'vital', 'nymbl']) {
    const response = await call(`${brokerUrl}/v1/vendors/${connection}/token`, alice, { method: 'POST' });
    const body = (await response.json()) as Record<string, unknown>;
    for (const name of ['access_token', 'refresh_token', 'token', 'sign_in_token']) {
      if (typeof body[name] === 'string') tokens[`${connection} ${name}`] = body[name];
    }
  }
  await dev.waitForOutput(/issue nymbl/);
  dev.signal('SIGINT');
  expect(await dev.exitCode).toBe(0);
  expect(Object.keys(tokens)).toHaveLength(5);
  const { nabla, nudge, vital } = sandboxCredentials;
  const secrets = { ...tokens, serverKey: nabla.serverKey, nudgeKey: nudge.apiKey, vitalKey: vital.apiKey };
  const places = { output: dev.output(), ...(await readFolder(join(folder, '.valetkey'))) };
  expect(findSecrets(secrets, places)).toEqual([]);
});
