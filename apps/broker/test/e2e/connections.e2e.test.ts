import { createSandbox, type Sandbox } from '@valetkey/sandbox';
import { recipes, vendors as registry } from '@valetkey/vendor-clients';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { examine } from '../../src/cli/doctor.ts';
import type { BrokerConfigInput } from '../../src/config/define-config.ts';
import { parseConfig } from '../../src/config/parse-config.ts';
import { createSqliteStore } from '../../src/storage/sqlite-store.ts';
import type { Store } from '../../src/storage/store.ts';
import { adminToken, createConfigFor, startRecordingBroker } from '../support/recording-broker.ts';

let us: Sandbox;
let eu: Sandbox;
beforeAll(async () => {
  us = await createSandbox();
  eu = await createSandbox({ vital: { region: 'eu' } });
});
afterAll(async () => {
  await us.close();
  await eu.close();
});

const vitalKey = (region: 'us' | 'eu') => us.credentials.vital.apiKey.replace('_us_', `_${region}_`);

/** Two Vital teams and two Nudge accounts, each in a sandbox of its own. */
function configureTwice(): BrokerConfigInput {
  const nudge = { vendor: 'nudge' as const, apiKey: us.credentials.nudge.apiKey, cache: { minRemainingSeconds: 60 } };
  const vital = { vendor: 'vital' as const, environment: 'sandbox' as const };
  return {
    listen: { port: 0 },
    admin: { port: 0, token: adminToken },
    store: { sqlite: ':memory:' },
    issuers: [{ issuer: us.urls.idp, audiences: ['valetkey'] }],
    vendors: {
      'vital-us': { ...vital, region: 'us', apiKey: vitalKey('us'), baseUrl: us.urls.vital },
      'vital-eu': { ...vital, region: 'eu', apiKey: vitalKey('eu'), baseUrl: eu.urls.vital },
      'nudge-web': { ...nudge, baseUrl: us.urls.nudge },
      'nudge-app': { ...nudge, baseUrl: us.urls.nudge, requiredScopes: ['app'] },
    },
  };
}

const adminHeaders = { authorization: `Bearer ${adminToken}`, 'content-type': 'application/json' };

test('two connections of one vendor have their own vendor users, policies, decisions and metrics', async () => {
  await using broker = await startRecordingBroker(configureTwice());
  const token = await us.mintUserToken({ sub: 'alice' });
  const issue = async (connection: string) =>
    (await broker.issue(connection, token)).json() as Promise<{ user_id: string }>;

  const [inUs, inEu] = [await issue('vital-us'), await issue('vital-eu')];
  expect(inUs).toMatchObject({ vendor: 'vital', connection: 'vital-us', region: 'us' });
  expect(inEu).toMatchObject({ vendor: 'vital', connection: 'vital-eu', region: 'eu' });
  expect(us.vital.users().map(({ userId }) => userId)).toEqual([inUs.user_id]);
  expect(eu.vital.users().map(({ userId }) => userId)).toEqual([inEu.user_id]);

  expect(await (await broker.call('/v1/session', token)).json()).toMatchObject({
    vendors: {
      'vital-us': { vendor: 'vital', operations: ['issue'], vendor_user_id: inUs.user_id },
      'vital-eu': { vendor: 'vital', operations: ['issue'], vendor_user_id: inEu.user_id },
      'nudge-web': { vendor: 'nudge', operations: ['issue'] },
    },
  });
  expect(await issue('nudge-app')).toMatchObject({ code: 'forbidden', vendor: 'nudge', connection: 'nudge-app' });
  // No connection has the name of the vendor here.
  expect(await issue('vital')).toMatchObject({ code: 'unknown_vendor' });

  const { decisions } = (await (await fetch(`${broker.adminUrl}/v1/decisions`, { headers: adminHeaders })).json()) as {
    decisions: Record<string, unknown>[];
  };
  const ofRequests = decisions.filter(({ operation }) => operation !== 'map');
  expect(ofRequests.map(({ connection, vendor, outcome }) => [connection, vendor, outcome])).toEqual([
    ['vital', undefined, 'unknown_vendor'],
    ['nudge-app', 'nudge', 'forbidden'],
    ['vital-eu', 'vital', 'allowed'],
    ['vital-us', 'vital', 'allowed'],
  ]);
  const metrics = await (await fetch(`${broker.adminUrl}/metrics`)).text();
  expect(metrics).toMatch(
    /decisions_total\{operation="issue",connection="vital-eu",vendor="vital",outcome="allowed"\} 1/,
  );
  expect(metrics).toMatch(
    /decisions_total\{operation="issue",connection="unknown",vendor="unknown",outcome="unknown_vendor"\} 1/,
  );
});

test('two connections of one vendor never share a cached token', async () => {
  await using broker = await startRecordingBroker(configureTwice());
  const token = await us.mintUserToken({ sub: 'alice', scope: 'openid app' });
  us.resetCalls();
  for (const connection of ['nudge-web', 'nudge-app', 'nudge-web', 'nudge-app']) await broker.issue(connection, token);
  expect(us.calls().nudge).toEqual({ 'GET /api/clients/jwt/token': 2 });
});

test('the admin API maps a principal for one connection, and accepts the older field name `vendor`', async () => {
  await using broker = await startRecordingBroker(configureTwice());
  const principal = { issuer: us.urls.idp, subject: 'bob' };
  const put = (mapping: object) =>
    fetch(`${broker.adminUrl}/v1/vendor-users`, {
      method: 'PUT',
      headers: adminHeaders,
      body: JSON.stringify({ ...principal, ...mapping }),
    });
  expect((await put({ connection: 'vital-us', vendor_user_id: 'one' })).status).toBe(204);
  expect((await put({ vendor: 'vital-eu', vendor_user_id: 'two' })).status).toBe(204);
  expect((await put({ connection: 'vital', vendor_user_id: 'three' })).status).toBe(404);
  expect((await put({ connection: 'vital-us', vendor: 'vital-us', vendor_user_id: 'four' })).status).toBe(400);
  const query = new URLSearchParams(principal);
  const listed = await fetch(`${broker.adminUrl}/v1/vendor-users?${query}`, { headers: adminHeaders });
  expect(await listed.json()).toEqual({ vendor_users: { 'vital-us': 'one', 'vital-eu': 'two' } });
});

test('a connection that is given another vendor uses no vendor user of the former vendor, and its old decisions keep their vendor', async () => {
  const store = createSqliteStore(':memory:');
  const shared: Store = { ...store, close: async () => undefined };
  const { vendors, ...config } = configureTwice();
  const { nabla } = createConfigFor(us).vendors;
  const start = (health: NonNullable<BrokerConfigInput['vendors']>[string]) =>
    startRecordingBroker({ ...config, vendors: { health } }, { store: shared });
  const token = await us.mintUserToken({ sub: 'carol' });
  const principal = { issuer: us.urls.idp, subject: 'carol' };
  const read = async ({ adminUrl }: { adminUrl: string }, path: string) =>
    (await fetch(adminUrl + path, { headers: adminHeaders })).json() as Promise<{
      decisions: Record<string, unknown>[];
    }>;

  await using before = await start({ ...vendors?.['vital-us'], vendor: 'vital' });
  const { user_id: vitalUserId } = (await (await before.issue('health', token)).json()) as { user_id: string };
  await using after = await start({ ...nabla, vendor: 'nabla', user: { mapping: true } });
  expect(await (await after.issue('health', token)).json()).toMatchObject({ code: 'vendor_user_not_found' });

  const query = new URLSearchParams(principal);
  expect(await read(after, `/v1/vendor-users?${query}`)).toEqual({ vendor_users: { 'vital:health': vitalUserId } });
  const { decisions } = await read(after, '/v1/decisions');
  expect(decisions.map(({ connection, vendor, outcome }) => [connection, vendor, outcome])).toEqual([
    ['health', 'nabla', 'vendor_user_not_found'],
    ['health', 'vital', 'allowed'],
    // The creation of the vendor user.
    ['health', 'vital', 'allowed'],
  ]);
  await store.close();
});

test('`valetkey doctor` names the connection whose credentials a vendor refuses', async () => {
  const { vendors, ...config } = configureTwice();
  const broken = { ...vendors?.['vital-eu'], vendor: 'vital' as const, apiKey: 'sk_eu_canary-wrong' };
  const findings = await examine(parseConfig({ ...config, vendors: { ...vendors, 'vital-eu': broken } }));
  expect(findings.filter(({ outcome }) => outcome !== 'passed').map(({ part }) => part)).toEqual([
    'connection vital-eu',
  ]);
});

test.each([
  ['an upper-case name', 'Vital', /^vendors\.Vital: the name must have/],
  ['a name with a slash', 'vital/us', /^vendors, entry 1 \(its name is not shown\): the name must have/],
  ['a name of 64 characters', 'v'.repeat(64), /the name must have/],
])('a configuration refuses a connection with %s', (_case, name, expected) => {
  const { vendors, ...config } = configureTwice();
  const parse = () => parseConfig({ ...config, vendors: { [name]: vendors?.['vital-us'] } });
  expect(parse).toThrow(expect.objectContaining({ problems: [expect.stringMatching(expected)] }));
});

const products = Object.keys(recipes).filter((id) => id.startsWith('stripe-'));
test.each([
  ['names the known ones', 'zzz', `known are ${[...Object.keys(registry), ...Object.keys(recipes)].join(', ')}`],
  ['names the products of the vendor', 'stripe', `did you mean ${products.map((id) => `\`${id}\``).join(' or ')}?`],
])('a configuration refuses a connection of an unknown vendor, and %s', (_case, vendor, advice) => {
  const { vendors, ...config } = configureTwice();
  const parse = () => parseConfig({ ...config, vendors: { mine: { ...vendors?.['vital-us'], vendor } } });
  const problem = `vendors.mine.vendor: is not a known vendor; ${advice}`;
  expect(parse).toThrow(expect.objectContaining({ problems: [problem] }));
});
