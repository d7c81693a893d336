import { execFileSync } from 'node:child_process';
import { Agent, request } from 'undici';
import { describe, expect, test } from 'vitest';
import {
  environmentSecrets,
  fileSecrets,
  issuedTokens,
  literalSecrets,
  startCanaryBroker,
  vaultSecrets,
  vendorText,
  type CanaryBroker,
} from '../support/canary-broker.ts';
import { hasOpenssl } from '../support/certificate-authority.ts';
import { createDpopKey } from '../support/dpop-key.ts';
import type { EchoMode } from '../support/echoing-vendor.ts';
import { findSecrets } from '../support/find-secrets.ts';
import { isPostgresAvailable } from '../support/postgres-server.ts';
import { isProgramAvailable } from '../support/required-program.ts';

/** What callers send and what must not come out again. */
const sent = {
  'opaque token': 'canary-opaque-token-71d0-d1',
  'token in a query': 'canary-token-in-a-query-71d0-d2',
  'client secret': 'canary-client-secret-71d0-d3',
  'actor token': 'canary-actor-token-71d0-d4',
  'opaque subject token': 'canary-subject-token-71d0-d5',
  'text as a proof': 'canary-text-as-proof-71d0-d6',
  'proxied body': 'canary-proxied-body-71d0-d7',
  'body of an issue': 'canary-body-of-an-issue-71d0-d8',
  'text as a logout token': 'canary-text-as-logout-token-71d0-d9',
  'wrong admin token': 'canary-wrong-admin-token-71d0-e1-xxxxxx',
  'token in a forwarded address': 'canary-token-in-a-forwarded-71d0-e2',
  'basic credentials': 'canary-basic-credentials-71d0-e3',
  cookie: 'canary-cookie-71d0-e4',
  'unknown field of the configuration': 'canary-unknown-field-71d0-e5',
  'wrong value of the configuration': 'canary-wrong-value-71d0-e6',
  'secret of a refused reload': 'canary-refused-reload-71d0-e7',
  'reference of a refused reload': 'canary-in-a-reference-71d0-e8',
};

const grantType = 'urn:ietf:params:oauth:grant-type:token-exchange';
const accessTokenType = 'urn:ietf:params:oauth:token-type:access_token';
const modes: readonly EchoMode[] = ['normal', 400, 401, 500, 'malformed', 'other-shape', 'unusable-token', 'no-http'];

interface Call {
  readonly method?: 'GET' | 'POST' | 'PUT';
  readonly headers?: Record<string, string>;
  readonly body?: string | null;
}

/** Sends requests, and keeps everything that the broker itself responds. */
function createCaller({ ca }: CanaryBroker) {
  const dispatcher = new Agent({ connect: { ca } });
  const kept: string[] = [];
  const delivered: string[] = [];
  return {
    kept,
    /** The tokens that callers requested, and the vendors' responses to proxied calls. */
    delivered,
    call: async (url: string, { method = 'GET', headers = {}, body = null }: Call = {}) => {
      const response = await request(url, { method, headers, body, dispatcher });
      const text = `${JSON.stringify(response.headers)}${await response.body.text().catch(() => '')}`;
      const isDelivery =
        response.headers['valet-key'] === 'vendor' || /"(?:token|access_token|sign_in_token)":"/.test(text);
      (isDelivery ? delivered : kept).push(text);
      return { status: response.statusCode, text };
    },
    [Symbol.asyncDispose]: () => dispatcher.destroy(),
  };
}

type Caller = ReturnType<typeof createCaller>;

/** Sends each credential of a caller in its place and in wrong ones. Returns the tokens and proofs that were sent. */
async function sendEverything(broker: CanaryBroker, { call }: Caller): Promise<Record<string, string>> {
  const { brokerUrl, issuer, dpopKey, vendor } = broker;
  const token = issuer.accessToken({ customer: 'acme-corp' });
  const bound = issuer.accessToken({ sub: 'bob', cnf: { jkt: dpopKey.thumbprint } });
  const expired = issuer.accessToken({ exp: 1_700_000_000, iat: 1_699_999_000 });
  const bearer = { authorization: `Bearer ${token}` };
  const post = (path: string, more: Call = {}) =>
    call(brokerUrl + path, { method: 'POST', ...more, headers: { ...bearer, ...more.headers } });
  for (const mode of modes) {
    vendor.setMode(mode);
    for (const name of ['nabla', 'nudge', 'vital', 'broken']) await post(`/v1/vendors/${name}/token`);
    await post('/v1/vendors/nymbl/proxy/Patients', { body: sent['proxied body'] });
    const unknown = issuer.accessToken({ sub: `of-${mode}`, customer: `customer-of-${mode}` });
    await post('/v1/vendors/nymbl/proxy/Patients', { headers: { authorization: `Bearer ${unknown}` } });
  }
  vendor.setMode('normal');

  const issueUrl = `${brokerUrl}/v1/vendors/nudge/token`;
  const proof = dpopKey.prove({ method: 'POST', url: issueUrl, token: bound });
  const foreign = createDpopKey().prove({ method: 'POST', url: issueUrl, token: bound });
  const statuses: number[] = [];
  for (const dpop of [proof, proof, foreign, sent['text as a proof']]) {
    const headers = { authorization: `DPoP ${bound}`, dpop };
    statuses.push((await call(issueUrl, { method: 'POST', headers })).status);
  }
  expect(statuses).toEqual([200, 401, 401, 401]);

  const credentials = [`Bearer ${sent['opaque token']}`, `Bearer ${expired}`, `Basic ${sent['basic credentials']}`];
  for (const authorization of credentials) await call(issueUrl, { method: 'POST', headers: { authorization } });
  await call(`${brokerUrl}/v1/session?access_token=${sent['token in a query']}`);
  await call(`${brokerUrl}/v1/session`, { headers: { cookie: `session=${sent.cookie}` } });
  await post('/v1/vendors/nudge/token', {
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ [sent['body of an issue']]: sent['body of an issue'] }),
  });
  const forwarded = `/patients?access_token=${sent['token in a forwarded address']}`;
  await call(`${brokerUrl}/v1/authorize`, { headers: { ...bearer, 'x-forwarded-uri': forwarded } });
  const form = (fields: Record<string, string>) =>
    call(`${brokerUrl}/oauth2/token`, {
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: new URLSearchParams({
        grant_type: grantType,
        subject_token: token,
        subject_token_type: accessTokenType,
        audience: 'nudge',
        client_secret: sent['client secret'],
        ...fields,
      }).toString(),
    });
  expect((await form({})).status).toBe(200);
  await form({ subject_token: sent['opaque subject token'] });
  await form({
    actor_token: sent['actor token'],
    actor_token_type: sent['actor token'],
    audience: sent['client secret'],
  });
  for (const text of [sent['text as a logout token'], issuer.logoutToken({ sub: 'carol', aud: 'elsewhere' })]) {
    await call(`${brokerUrl}/v1/backchannel-logout`, {
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: new URLSearchParams({ logout_token: text }).toString(),
    });
  }
  return { 'app token': token, 'bound token': bound, 'expired token': expired, proof, 'foreign proof': foreign };
}

/** Reads and changes everything that the admin API has. */
async function callAdminRoutes({ adminUrl, issuer }: CanaryBroker, { call }: Caller): Promise<void> {
  const tokens = [environmentSecrets.ADMIN_TOKEN, fileSecrets['admin-token-next'], environmentSecrets.SUPPORT_TOKEN];
  for (const token of tokens) {
    const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
    for (const path of ['/v1/decisions?limit=1000', '/v1/vendor-users', '/v1/blocked-users'])
      expect((await call(adminUrl + path, { headers })).status).toBe(200);
    await call(`${adminUrl}/v1/decisions?limit=${token}`, { headers });
    await call(`${adminUrl}/v1/vendor-users`, { method: 'PUT', headers, body: JSON.stringify({ [token]: token }) });
  }
  const headers = { authorization: `Bearer ${tokens[0]}`, 'content-type': 'application/json' };
  const body = JSON.stringify({ issuer: issuer.issuer, subject: 'mallory', reason: 'left the company' });
  expect((await call(`${adminUrl}/v1/blocked-users`, { method: 'PUT', headers, body })).status).toBeLessThan(300);
  for (const path of ['/v1/decisions', '/metrics', '/readyz', '/healthz', '/openapi.json'])
    await call(adminUrl + path, { headers: { authorization: `Bearer ${sent['wrong admin token']}` } });
}

/** Runs each command that reads the configuration, a token or the audit. Returns what each printed. */
async function runCommands(broker: CanaryBroker, tokens: Record<string, string>): Promise<Record<string, string>> {
  const { run, adminUrl, issuer } = broker;
  const admin = { VALETKEY_ADMIN_TOKEN: environmentSecrets.SUPPORT_TOKEN };
  const query = await fetch(`${adminUrl}/v1/decisions`, {
    headers: { authorization: `Bearer ${environmentSecrets.SUPPORT_TOKEN}` },
  });
  const { decisions } = (await query.json()) as { decisions: { requestId: string }[] };
  const requestId = decisions[0]?.requestId ?? '';
  const config = ['--config', 'valetkey.json'];
  const remote = ['--url', adminUrl];
  const commands: readonly [readonly string[], string?][] = [
    [['check', ...config]],
    [['check', '--config', 'bad.json']],
    [['doctor', ...config]],
    [['secrets', ...config]],
    [['secrets', ...config, '--json']],
    ...[tokens['app token'], tokens['bound token'], sent['opaque token']].map((token = ''): [string[], string] => [
      ['explain', ...config, '--connection', 'nabla'],
      token,
    ]),
    [['audit', 'list', ...remote]],
    [['audit', 'export', ...remote]],
    [['audit', 'why', requestId, ...remote]],
    [['audit', 'verify', ...config]],
    [['blocked', ...remote]],
    [['block', '--issuer', issuer.issuer, '--subject', 'oscar', ...remote]],
    [['start', '--config', 'bad.json']],
    [['migrate', ...config, '--dry-run']],
  ];
  const printed: Record<string, string> = {};
  for (const [index, [words, input = '']] of commands.entries()) {
    await using command = run(words, words.includes('--url') ? admin : {});
    command.sendInput(input);
    await command.exitCode;
    printed[`command ${index} (${words.slice(0, 2).join(' ')})`] = command.output();
  }
  return printed;
}

/** Replaces the configuration by ones that the broker refuses, and returns what `/readyz` then says of each. */
async function reloadBadly({ config, adminUrl, ...broker }: CanaryBroker): Promise<string> {
  const { vendors } = config;
  const misplaced = {
    ...config,
    [sent['unknown field of the configuration']]: 1,
    log: { level: sent['wrong value of the configuration'] },
    vendors: {
      ...vendors,
      vital: {
        ...vendors.vital,
        apiKey: { value: sent['secret of a refused reload'] },
        region: sent['wrong value of the configuration'],
      },
      nudge: { ...vendors.nudge, apiKey: `\${vault:secret/data/vendors#${sent['reference of a refused reload']}` },
      other: { vendor: sent['secret of a refused reload'] },
    },
  };
  await broker.replaceFile('bad.json', JSON.stringify(misplaced));
  const texts = [JSON.stringify(misplaced), JSON.stringify(config).slice(0, -40), `{"a":"${literalSecrets.vital}" x`];
  let states = '';
  for (const text of texts) {
    await broker.replaceFile('valetkey.json', text);
    const seen = broker.output().length;
    broker.signal('SIGHUP');
    await expect.poll(() => broker.output().slice(seen)).toMatch(/cannot be used/);
    states += await (await fetch(`${adminUrl}/readyz`)).text();
  }
  // A rotated key: the former value must not come out either.
  await broker.replaceFile('valetkey.json', JSON.stringify(config));
  await broker.replaceFile('nudge-key', sent['secret of a refused reload']);
  broker.signal('SIGHUP');
  await broker.waitForOutput(/configuration reloaded/);
  return states + (await (await fetch(`${adminUrl}/readyz`)).text());
}

const isAvailable = [
  hasOpenssl,
  await isPostgresAvailable(),
  await isProgramAvailable({
    name: 'Redis',
    probe: () => execFileSync('redis-server', ['--version']),
    remediation: 'Install redis-server.',
  }),
].every(Boolean);

describe.skipIf(!isAvailable)('a broker with a canary in the place of each secret', () => {
  test('prints, responds, exports and stores none of them', async () => {
    await using broker = await startCanaryBroker();
    await using caller = createCaller(broker);
    const tokens = await sendEverything(broker, caller);
    await callAdminRoutes(broker, caller);
    const reloads = await reloadBadly(broker);
    const commands = await runCommands(broker, tokens);
    const metrics = await (await fetch(`${broker.adminUrl}/metrics`)).text();
    const stores = await broker.readStores();
    broker.signal('SIGINT');
    expect(await broker.exitCode).toBe(0);

    const places = {
      output: broker.output(),
      responses: caller.kept.join('\n'),
      metrics,
      reloads,
      'OpenTelemetry export': broker.collector.received(),
      ...commands,
      ...stores,
    };
    const secrets = {
      ...environmentSecrets,
      ...fileSecrets,
      ...vaultSecrets,
      ...literalSecrets,
      ...issuedTokens,
      ...sent,
      ...tokens,
      ...broker.privateKeys,
      'token of Vault': 'hvs.sim-token',
      'text of a vendor': vendorText,
    };
    expect(findSecrets(secrets, places)).toEqual([]);
    expectSearched(places);
    const printed = Object.values(commands).join('\n');
    expect(commandContents.filter((pattern) => !pattern.test(printed))).toEqual([]);
    // Every canary reached the broker: what it delivered has the vendors' tokens, and vendors received the rest.
    const { nymbl: _serverToken, ...clientTokens } = issuedTokens;
    const found = findSecrets(
      { ...clientTokens, body: sent['proxied body'] },
      { delivered: caller.delivered.join('\n') },
    );
    expect(found).toHaveLength(5);
  });
});

/** What the commands print of a configuration, a token and the audit, if they do their work. */
const commandContents = [
  /secrets of Vault: 2 references read/,
  /vendors\.nudge\.apiKey: \$\{file:nudge-key\}/,
  /The configuration cannot be used/,
  /"operation":"issue"/,
  /subject.*bob/,
];

/** Checks that each place has what it should, and that the search would find a canary in it, also an encoded one. */
function expectSearched(places: Readonly<Record<string, string | Buffer>>): void {
  const contents: Record<string, RegExp> = {
    output: /"level":20[^]*"subject":"alice"[^]*configuration reloaded/,
    responses: /"code":"vendor_unavailable"[^]*"decisions"[^]*"subject":"alice"/,
    metrics: /valetkey_config_reloads_total\{outcome="failed"\} 3/,
    reloads: /"reload":"failed at /,
    'OpenTelemetry export': /\/v1\/vendors[^]*nudge/,
    postgres: /alice/,
    redis: /valetkey/,
  };
  const missing = Object.entries(contents).filter(([place, pattern]) => !pattern.test(String(places[place])));
  expect(missing).toEqual([]);
  const planted = 'canary"planted/?>~71d0-f1';
  const bytes = Buffer.from(planted);
  for (const [place, text] of Object.entries(places)) {
    expect(text.length, place).toBeGreaterThan(0);
    const forms = [planted, JSON.stringify(planted), encodeURIComponent(planted), bytes.toString('base64')];
    for (const form of [...forms, bytes.toString('base64url'), bytes.toString('hex')]) {
      const middle = Math.floor(text.length / 2);
      const before = text.slice(0, middle).toString('latin1' as never);
      const found = findSecrets({ planted }, { [place]: `${before}${form}${String(text.slice(middle))}` });
      expect(found, `${place} ${form}`).toHaveLength(1);
    }
  }
}
