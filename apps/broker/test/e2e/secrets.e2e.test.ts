import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { createSandbox, sandboxCredentials } from '@valetkey/sandbox';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createBroker } from '../../src/create-broker.ts';
import { readConfigFile } from '../../src/config/config-file.ts';
import { startEchoingVendor, type Echo } from '../support/echoing-vendor.ts';
import { findSecrets } from '../support/secret-search.ts';
import { startValetkey } from '../support/valetkey-process.ts';

/** Everything that an operator entrusts to the broker, by the environment variable or file that holds it. */
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

/** What vendors hand out: it may be in the answer that it is for, and nowhere else. */
const issued = {
  'nabla access': 'canary-issued-nabla-access-13',
  'nabla refresh': 'canary-issued-nabla-refresh-24',
  nudge: 'canary-issued-nudge-35',
  nymbl: 'canary-issued-nymbl-server-token-46',
  vital: 'canary-issued-vital-57',
};

const echoes: readonly Echo[] = [
  ...([400, 401, 403, 404, 409, 429, 500, 503] as const),
  'malformed',
  'other-shape',
  'unusable-token',
  'redirect',
  'no-http',
];

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'valetkey-secrets-'));
});
afterAll(() => rm(folder, { recursive: true }));

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

test('no secret comes out of `valetkey start`, whatever its vendors and callers do', { timeout: 60_000 }, async () => {
  await using sandbox = await createSandbox();
  await using vendor = await startEchoingVendor(issued, [configured.NABLA_CURRENT, configured.NYMBL_SECRET]);
  await writeFile(join(folder, 'valetkey.yaml'), configFor(vendor.url, sandbox.urls.idp));
  await writeFile(join(folder, 'nudge-key'), `${configured.NUDGE_KEY}\n`);
  await writeFile(join(folder, 'admin-token-next'), `${configured.ADMIN_TOKEN_NEXT}\r\n`);
  await using broker = startValetkey(['start', '--config', 'valetkey.yaml'], folder, configured);
  const [, brokerUrl = '', adminUrl = ''] = await broker.says(/listens on (\S+), for operators on (\S+)\./);

  const appTokens: Record<string, string> = {};
  const mint = async (name: string, request: Parameters<typeof sandbox.mintUserToken>[0]) =>
    (appTokens[`app token (${name})`] = await sandbox.mintUserToken(request));
  const alice = await mint('good', { sub: 'alice', claims: { customer: 'acme-corp' } });
  const refused = await Promise.all([
    mint('expired', { sub: 'alice', expires_in: -60 }),
    mint('of another audience', { sub: 'alice', audience: 'elsewhere' }),
    mint('of another issuer', { sub: 'alice', issuer: 'https://evil.example' }),
  ]);
  const opaque = 'canary-opaque-app-token-99aa';

  /** What went out to whom it was not for. */
  let answers = '';
  /** What went out to whom it was for. */
  let delivered = '';
  const keep = async (response: Response, isDelivery = false) => {
    const text = `${JSON.stringify([...response.headers])}${await response.text().catch(() => '')}\n`;
    if (isDelivery) delivered += text;
    else answers += text;
    return response.status;
  };
  const call = (url: string, token: string | undefined, init: RequestInit = {}) =>
    fetch(url, { ...init, headers: { ...(token && { authorization: `Bearer ${token}` }), ...init.headers } });
  const routes: readonly [string, RequestInit][] = [
    ...['nabla', 'nudge', 'vital'].map((id): [string, RequestInit] => [`/v1/vendors/${id}/token`, { method: 'POST' }]),
    ['/v1/vendors/nymbl/proxy/Patients', {}],
    ['/v1/vendors/nymbl/proxy/Patients', { method: 'POST', body: '{"a":1}' }],
  ];

  for (const [path, init] of routes) expect(await keep(await call(brokerUrl + path, alice, init), true)).toBe(200);
  for (const [index, echo] of echoes.entries()) {
    // The proxy passes on what the vendor answers to a call that it took; what it quotes there is the vendor's doing.
    const isVendorsAnswer = ![401, 403, 429, 500, 503, 'redirect', 'no-http'].includes(echo);
    // A customer of her own has a server token of her own, which is asked for anew.
    const bob = await mint(`of ${echo}`, { sub: `bob-${index}`, claims: { customer: `customer-${index}` } });
    for (const token of [alice, bob]) {
      vendor.become(echo);
      for (const [path, init] of routes) {
        await keep(await call(brokerUrl + path, token, init), isVendorsAnswer && path.includes('/proxy/'));
      }
      vendor.become('good');
      await call(`${brokerUrl}/v1/vendors/nymbl/proxy/Patients`, bob);
    }
  }

  for (const token of [...refused, opaque, configured.ADMIN_TOKEN, configured.NABLA_CURRENT, `${alice}x`]) {
    await keep(await call(`${brokerUrl}/v1/session`, token));
    await keep(await call(`${brokerUrl}/v1/resolve`, token));
    await keep(await call(`${adminUrl}/v1/decisions`, token === configured.ADMIN_TOKEN ? `${token}x` : token));
    await keep(await call(`${brokerUrl}/v1/session?access_token=${token}`, undefined));
    await keep(await call(`${brokerUrl}/v1/${token}`, alice));
    await keep(await call(`${brokerUrl}/v1/vendors/nudge/token`, alice, { method: 'POST', body: token }));
    await keep(await call(`${brokerUrl}/v1/session`, undefined, { headers: { authorization: `Basic ${token}` } }));
    const json = { 'content-type': 'application/json' };
    const body = JSON.stringify({ access_token: token });
    await keep(await call(`${brokerUrl}/v1/vendors/nudge/token`, alice, { method: 'POST', headers: json, body }));
    const torn = { method: 'POST', headers: json, body: `{"a":"${token}` };
    await keep(await call(`${brokerUrl}/v1/vendors/nudge/token`, alice, torn));
  }
  for (const token of [configured.ADMIN_TOKEN, configured.ADMIN_TOKEN_NEXT]) {
    expect(await keep(await call(`${adminUrl}/v1/decisions?limit=1000`, token))).toBe(200);
    const query = new URLSearchParams({ issuer: sandbox.urls.idp, subject: 'alice' });
    expect(await keep(await call(`${adminUrl}/v1/vendor-users?${query}`, token))).toBe(200);
    await keep(await call(`${adminUrl}/v1/vendor-users?issuer=${token}`, token));
    await keep(await call(`${adminUrl}/v1/vendor-users`, token, { method: 'PUT', body: token }));
  }
  for (const path of ['/readyz', '/healthz', '/docs/errors', '/v1/nothing', '/v1/session', '/v1/resolve']) {
    await keep(await call(brokerUrl + path, alice));
    await keep(await call(adminUrl + path, alice));
  }
  const whileRunning = await readFolder(join(folder, 'data'));
  broker.signal('SIGINT');
  expect(await broker.ended).toBe(0);
  const data = await readFolder(join(folder, 'data'));

  const secrets = { ...configured, ...issued, ...appTokens, 'opaque app token': opaque };
  const places = { 'standard output': broker.printed(), answers, ...whileRunning, ...data };
  expect(findSecrets(secrets, places)).toEqual([]);

  // Of the search itself: what is in these places, it finds, and the vendors were really reached.
  const everywhere = ['standard output', 'answers', 'file valetkey.sqlite'].map(
    (place) => `subject (plain) in ${place}`,
  );
  expect(findSecrets({ subject: 'alice' }, places)).toEqual(expect.arrayContaining(everywhere));
  const { nymbl: serverToken, ...clientTokens } = issued;
  const found = Object.keys(clientTokens).map((name) => `${name} (plain) in delivered`);
  expect(findSecrets(clientTokens, { delivered })).toEqual(found);
  expect(findSecrets({ serverToken, ...configured }, { delivered: delivered.split('\n').slice(0, 5).join() })).toEqual(
    [],
  );
  expect(broker.printed().includes('secret_switched')).toBe(true);
  const codes = ['vendor_auth_failed', 'vendor_rejected', 'vendor_response_invalid', 'vendor_unavailable'];
  expect(codes.filter((code) => !answers.includes(code))).toEqual([]);
});

test('`valetkey dev` prints no token, though everybody knows its credentials', async () => {
  const ports = ['--port', '0', '--admin-port', '0', '--sandbox-port', '0'];
  await using dev = startValetkey(['dev', ...ports], folder);
  const [banner] = await dev.says(/[\s\S]*Ctrl-C/);
  const [brokerUrl = '', , sandboxUrl = ''] = [...banner.matchAll(/http:\/\/127\.0\.0\.1:\d+/g)].map(([url]) => url);
  const minted = await fetch(`${sandboxUrl}/idp/dev-token`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: '{"sub":"alice"}',
  });
  const { access_token: alice } = (await minted.json()) as { access_token: string };
  const tokens: Record<string, string> = { alice };
  for (const vendor of ['nabla', 'nudge', 'vital', 'nymbl']) {
    const response = await fetch(`${brokerUrl}/v1/vendors/${vendor}/token`, {
      method: 'POST',
      headers: { authorization: `Bearer ${alice}` },
    });
    const answer = (await response.json()) as Record<string, unknown>;
    for (const name of ['access_token', 'refresh_token', 'token', 'sign_in_token']) {
      if (typeof answer[name] === 'string') tokens[`${vendor} ${name}`] = answer[name];
    }
  }
  await dev.says(/issue nymbl/);
  dev.signal('SIGINT');
  expect(await dev.ended).toBe(0);
  expect(Object.keys(tokens)).toHaveLength(5);
  const { nabla, nudge, vital } = sandboxCredentials;
  const secrets = { ...tokens, serverKey: nabla.serverKey, nudgeKey: nudge.apiKey, vitalKey: vital.apiKey };
  const places = { printed: dev.printed(), ...(await readFolder(join(folder, '.valetkey'))) };
  expect(findSecrets(secrets, places)).toEqual([]);
});

describe('a configuration that cannot be used says so without its values', () => {
  const canary = 'canary-in-a-bad-configuration-7e57';
  const good = { issuers: [{ issuer: 'https://id.example', audiences: ['api'] }] };
  const nudge = (apiKey: unknown, more = {}) => ({ ...good, vendors: { nudge: { apiKey, ...more } } });

  test.each<[string, unknown]>([
    ['a key with a line break inside', nudge(`${canary}\r\nx: y`)],
    ['a key beyond ASCII', nudge(`${canary}é`)],
    ['a key that is a list', nudge([canary])],
    ['a key in the wrong slot', nudge({ current: canary, old: canary })],
    ['a value where none is known', nudge('key', { password: canary })],
    ['a password in an address', nudge('key', { baseUrl: `https://user:${canary}@nudge.example` })],
    ['an address that is none', nudge('key', { baseUrl: `:${canary}` })],
    [
      'a key of another environment',
      { ...good, vendors: { vital: { apiKey: canary, environment: 'sandbox', region: 'us' } } },
    ],
    [
      'a Redis address that is none',
      { ...good, redis: { url: `${canary}://x`, sealingKeys: [{ id: 'a', secret: canary.repeat(2) }] } },
    ],
    [
      'a sealing key too short',
      { ...good, redis: { url: `redis://:${canary}@h`, sealingKeys: [{ id: 'a', secret: canary.slice(0, 9) }] } },
    ],
    ['a database address that is none', { ...good, store: { postgres: `mysql://u:${canary}@h/d` } }],
    ['an admin token with a space', { ...good, admin: { token: `${canary} ${canary}` } }],
    ['an origin with a password', { ...good, cors: { origins: [`https://u:${canary}@app.example`] } }],
    [
      'an issuer with a secret that has a space',
      {
        issuers: [
          {
            ...good.issuers[0],
            introspection: { endpoint: 'https://i.example', clientId: 'c', clientSecret: `${canary} x` },
          },
        ],
      },
    ],
  ])('%s', (_, config) => {
    let thrown: unknown;
    try {
      createBroker({ store: { sqlite: ':memory:' }, ...(config as object) });
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toBeInstanceOf(Error);
    const shown = `${inspect(thrown, { depth: 9, showHidden: true })}${JSON.stringify(thrown)}${String(thrown)}`;
    expect(findSecrets({ canary: canary.slice(0, 20) }, { shown })).toEqual([]);
  });

  test.each([
    ['broken.yaml', `vendors: { nudge: { apiKey: "${canary}`],
    ['tagged.yaml', `apiKey: !!binary "${canary} ??"\n*unknown`],
    ['broken.json', `{"vendors":{"nudge":{"apiKey":"${canary}`],
    ['broken.ts', `export default { apiKey: '${canary}' `],
    ['throwing.ts', `throw new Error('${canary}');`],
  ])('%s', async (name, text) => {
    const file = join(folder, name);
    await writeFile(file, text);
    const thrown: unknown = await readConfigFile(file).then(undefined, (error: unknown) => error);
    expect(thrown).toBeInstanceOf(Error);
    expect(findSecrets({ canary }, { shown: inspect(thrown, { depth: 9, showHidden: true }) })).toEqual([]);
  });

  test('nor does the command', async () => {
    await writeFile(join(folder, 'bad.json'), JSON.stringify(nudge(`${canary} ${canary}`)));
    await using start = startValetkey(['start', '--config', 'bad.json'], folder);
    expect(await start.ended).toBe(1);
    expect(start.printed()).toContain('vendors.nudge.apiKey');
    expect(findSecrets({ canary }, { printed: start.printed() })).toEqual([]);
  });
});

test.each([
  ['plain', (secret: string) => `x${secret}y`],
  ['percent', (secret: string) => `x${encodeURIComponent(secret)}y`],
  ['hex', (secret: string) => Buffer.from(secret).toString('hex')],
  ['reversed', (secret: string) => [...secret].toReversed().join('')],
  ['base64+0', (secret: string) => Buffer.from(`${secret}abc`).toString('base64')],
  ['base64+1', (secret: string) => Buffer.from(`a${secret}bcd`).toString('base64')],
  ['base64+2', (secret: string) => Buffer.from(`ab${secret}c`).toString('base64url')],
])('the search finds a secret that is %s', (form, hide) => {
  const secret = 'canary/with+signs=12';
  expect(findSecrets({ secret }, { page: hide(secret), file: Buffer.from(`\0${hide(secret)}\0`) })).toEqual([
    `secret (${form}) in page`,
    `secret (${form}) in file`,
  ]);
});
