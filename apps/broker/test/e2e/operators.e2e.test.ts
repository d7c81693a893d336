import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createSandbox, type Sandbox } from '@valetkey/sandbox';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { examine } from '../../src/cli/doctor.ts';
import { parseConfig } from '../../src/config/parse-config.ts';
import {
  adminToken,
  createConfigFor,
  startRecordingBroker,
  type RecordingBroker,
} from '../support/recording-broker.ts';
import { startValetkey } from '../support/valetkey-process.ts';

/** Returns a configuration in which apps and operators sign in at the same identity provider. */
function configOf(sandbox: Sandbox, operators: object = {}) {
  const config = createConfigFor(sandbox);
  return {
    ...config,
    admin: {
      ...config.admin,
      operators: {
        issuer: { issuer: sandbox.urls.idp, audiences: ['valetkey-admin'] },
        require: {
          all: [{ scope: 'valetkey:operate' }, { claim: 'realm.roles', contains: 'operator' }],
        },
        ...operators,
      },
    },
    vendors: { nudge: config.vendors.nudge, nabla: { ...config.vendors.nabla, user: { mapping: true as const } } },
  };
}

type Request = Partial<Parameters<Sandbox['mintUserToken']>[0]>;

let sandbox: Sandbox;
let broker: RecordingBroker;
beforeAll(async () => {
  sandbox = await createSandbox();
  broker = await startRecordingBroker(configOf(sandbox));
});
afterAll(async () => {
  await broker.broker.close();
  await sandbox.close();
});

/** Returns the token of an operator, apart from the given fields. */
const mint = (request: Request = {}) =>
  sandbox.mintUserToken({
    sub: 'olivia',
    audience: 'valetkey-admin',
    scope: 'openid valetkey:operate',
    claims: { realm: { roles: ['operator'] } },
    ...request,
  });

async function callAs(
  token: string,
  path = '/v1/decisions',
  { method = 'GET', body }: { method?: string; body?: object } = {},
  at = broker,
) {
  const response = await at.callAdmin(path, {
    method,
    headers: { authorization: `Bearer ${token}`, ...(body && { 'content-type': 'application/json' }) },
    ...(body && { body: JSON.stringify(body) }),
  });
  const problem = response.status < 400 ? {} : ((await response.json()) as { code: string; remediation: string });
  return { status: response.status, retryAfter: response.headers.get('retry-after'), ...problem };
}

test('an operator with an access token of the identity provider may use the admin API', async () => {
  expect(await callAs(await mint())).toMatchObject({ status: 200 });
  expect(await callAs(adminToken)).toMatchObject({ status: 200 });
});

test('an app refuses the token of an operator, and the admin API the token of an app, also if a token names both audiences', async () => {
  const tokens = {
    admin: await mint(),
    app: await mint({ audience: 'valetkey' }),
    both: await mint({ audience: ['valetkey', 'valetkey-admin'] }),
  };
  const statusAtApp = async (token: string) => (await broker.call('/v1/session', token)).status;
  expect([await statusAtApp(tokens.app), (await callAs(tokens.admin)).status]).toEqual([200, 200]);
  for (const token of [tokens.admin, tokens.both]) expect(await statusAtApp(token)).toBe(401);
  for (const token of [tokens.app, tokens.both]) {
    expect(await callAs(token)).toMatchObject({ status: 401, code: 'invalid_token' });
  }
});

test.each<[string, Request]>([
  ['an ID token', { typ: 'JWT' }],
  ['an expired token', { expires_in: -60 }],
  ['a token of another issuer', { issuer: 'https://id.example.com' }],
  ['the token of a machine', { claims: { realm: { roles: ['operator'] }, gty: 'client-credentials' } }],
])('the admin API refuses %s as invalid, with a remediation', async (_name, request) => {
  expect(await callAs(await mint(request))).toMatchObject({
    status: 401,
    code: 'invalid_token',
    remediation: expect.stringMatching(/./) as string,
  });
});

test('the admin API tells a caller with a text that is no token which tokens it accepts', async () => {
  const problem = {
    status: 401,
    remediation: expect.stringMatching(/admin\.token.*operator's access token/) as string,
  };
  expect(await callAs('canary-mistyped-admin-token-0000')).toMatchObject({ ...problem, code: 'invalid_token' });
  const response = await fetch(`${broker.adminUrl}/v1/decisions`);
  expect(await response.json()).toMatchObject({ ...problem, code: 'missing_token' });
});

test.each<[string, Request]>([
  ['lacks the scope', { scope: 'openid' }],
  ['lacks the claim', { claims: {} }],
  ['has a claim of another form', { claims: { realm: { roles: 'operator' } } }],
])('the admin API refuses a user whose token %s', async (_name, request) => {
  expect(await callAs(await mint(request))).toMatchObject({
    status: 403,
    code: 'forbidden',
    remediation: expect.stringContaining('the scope valetkey:operate, the claim realm.roles') as string,
  });
});

test('a blocked user is no operator until the user is unblocked', async () => {
  const body = { issuer: sandbox.urls.idp, subject: 'mallory' };
  const token = await mint({ sub: 'mallory' });
  expect(await callAs(token)).toMatchObject({ status: 200 });
  expect(await callAs(adminToken, '/v1/blocked-users', { method: 'PUT', body })).toMatchObject({ status: 204 });
  expect(await callAs(token)).toMatchObject({ status: 403, code: 'user_blocked' });
  expect(await callAs(adminToken, '/v1/blocked-users', { method: 'DELETE', body })).toMatchObject({ status: 204 });
  expect(await callAs(token)).toMatchObject({ status: 200 });
});

test('a user of an identity provider that only operators use can be blocked, and is then no operator', async () => {
  const config = configOf(sandbox);
  await using own = await startRecordingBroker({
    ...config,
    issuers: [{ issuer: 'https://id.example.com', audiences: ['valetkey'], jwksUri: `${sandbox.urls.idp}/jwks` }],
    vendors: { nudge: config.vendors.nudge },
  });
  const body = { issuer: sandbox.urls.idp, subject: 'olivia' };
  const token = await mint();
  expect(await callAs(token, '/v1/blocked-users', { method: 'PUT', body }, own)).toMatchObject({ status: 204 });
  expect(await callAs(token, '/v1/decisions', {}, own)).toMatchObject({ status: 403, code: 'user_blocked' });
});

test('the log and the audit name the operator who made a change, by subject and issuer', async () => {
  const body = { issuer: sandbox.urls.idp, subject: 'bob' };
  const change = { method: 'PUT', body };
  expect(await callAs(await mint({ sub: 'admin' }), '/v1/blocked-users', change)).toMatchObject({ status: 204 });
  const actor = `admin ${sandbox.urls.idp}`;
  const { audit } = await broker.readRecords();
  expect((JSON.parse(audit) as { decisions: object[] }).decisions[0]).toMatchObject({ operation: 'block', actor });
  expect(broker.logLines().some((line) => line.includes('"change"') && line.includes(JSON.stringify(actor)))).toBe(
    true,
  );
});

test('the audit names a user who is refused as an operator, and why', async () => {
  expect(await callAs(await mint({ sub: 'eve', scope: 'openid' }))).toMatchObject({ status: 403 });
  const { audit } = await broker.readRecords();
  const { decisions } = JSON.parse(audit) as { decisions: { subject: string }[] };
  expect(decisions.find(({ subject }) => subject === 'eve')).toMatchObject({
    issuer: sandbox.urls.idp,
    operation: 'administer',
    outcome: 'forbidden',
    reason: 'admin.operators.require',
  });
});

test('admin tokens work while the identity provider is down, and operators receive 503', async () => {
  const closed = await createSandbox();
  const token = await closed.mintUserToken({ sub: 'olivia', audience: 'valetkey-admin' });
  await closed.close();
  await using down = await startRecordingBroker(configOf(closed));
  expect(await callAs(token, '/v1/decisions', {}, down)).toMatchObject({
    status: 503,
    code: 'identity_unavailable',
    retryAfter: expect.any(String) as string,
  });
  expect(await callAs(adminToken, '/v1/decisions', {}, down)).toMatchObject({ status: 200 });
});

test('/readyz says whether the keys of the issuer of operators are there', async () => {
  expect(await callAs(await mint())).toMatchObject({ status: 200 });
  const readiness = await fetch(`${broker.adminUrl}/readyz`);
  expect(await readiness.json()).toMatchObject({ identity: 'ok', operators: 'ok' });
});

test('the admin API is on with operators alone, and refuses an empty and an admin token', async () => {
  await using alone = await startRecordingBroker({
    ...configOf(sandbox),
    admin: { ...configOf(sandbox).admin, token: undefined },
  });
  const front = await fetch(`${alone.adminUrl}/`);
  expect(await front.json()).toMatchObject({ adminApi: true });
  expect(await callAs(await mint(), '/v1/decisions', {}, alone)).toMatchObject({ status: 200 });
  expect(await callAs(adminToken, '/v1/decisions', {}, alone)).toMatchObject({ status: 401 });
});

test('doctor examines the keys of the issuer of operators', async () => {
  const { vendors: _vendors, ...config } = configOf(sandbox);
  const findings = await examine(parseConfig(config));
  const part = `issuer ${sandbox.urls.idp} of operators`;
  expect(findings).toContainEqual({ part, outcome: 'passed', detail: '3 keys' });
});

test('the commands send the access token of an operator from VALETKEY_ADMIN_TOKEN', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'valetkey-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  const run = async (token: string, ...words: string[]) => {
    const environment = { VALETKEY_ADMIN_TOKEN: token };
    await using command = startValetkey([...words, '--url', broker.adminUrl], folder, environment);
    return { exitCode: await command.exitCode, output: command.output() };
  };
  const user = ['--issuer', sandbox.urls.idp, '--subject', 'carol'];
  expect(await run(await mint(), 'block', ...user)).toMatchObject({ exitCode: 0 });
  const { output } = await run(await mint(), 'blocked');
  expect(output).toContain(`olivia ${sandbox.urls.idp}`);
  const refused = await run(await mint({ scope: 'openid' }), 'blocked');
  expect(refused.exitCode).toBe(1);
  expect(refused.output).toMatch(/Sign in so that the token satisfies admin\.operators\.require/);
});
