import { createSandbox, type Sandbox } from '@valetkey/sandbox';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createConfigFor } from '../../test/support/recording-broker.ts';
import { assemble } from '../assemble.ts';
import { parseConfig } from '../config/parse-config.ts';
import { createSqliteStore } from '../storage/sqlite-store.ts';
import { createLogger } from '../telemetry/logger.ts';
import { ValetKeyError, type Principal } from '@valetkey/core-types';
import { explainConnection, type ExplainedUse } from './explain-connection.ts';
import type { Store } from '../storage/store.ts';

let sandbox: Sandbox;
beforeAll(async () => {
  sandbox = await createSandbox();
});
afterAll(() => sandbox.close());

type Vendors = ReturnType<typeof createConfigFor>['vendors'];

/** Explains a connection to alice in a broker whose connection has these fields. */
async function explain(
  name: keyof Vendors,
  fields: object = {},
  principal: Partial<Principal> = {},
  prepare: (store: Store, alice: Principal) => Promise<Store | void> = async () => undefined,
  use: ExplainedUse = {},
) {
  const { vendors, ...config } = createConfigFor(sandbox);
  const connections = { ...vendors, [name]: { ...vendors[name], ...fields } };
  const alice = { issuer: sandbox.urls.idp, subject: 'alice', scopes: [], claims: {}, ...principal };
  const own = createSqliteStore(':memory:');
  const store = (await prepare(own, alice)) ?? own;
  const dependencies = { store, logger: createLogger('silent') };
  const { parts, close } = assemble(parseConfig({ ...config, vendors: connections }), dependencies);
  sandbox.resetCalls();
  const connection = parts.connections.get(name);
  if (connection === undefined) throw new Error('The connection is missing.');
  const explanation = await explainConnection(connection, alice, store, use);
  expect(sandbox.calls()[name] ?? {}, 'the vendor is not called').toEqual({});
  await close();
  return explanation;
}

const outcomesOf = ({ checks }: Awaited<ReturnType<typeof explain>>) =>
  checks.map(({ check, outcome }) => `${check} ${outcome}`);

const detailOf = ({ checks }: Awaited<ReturnType<typeof explain>>, name: string) =>
  checks.find(({ check }) => check === name)?.detail;

test('explainConnection describes the token that an allowed user would receive', async () => {
  const explanation = await explain('nabla');
  expect(explanation).toMatchObject({ connection: 'nabla', vendor: 'nabla', allowed: true });
  expect(outcomesOf(explanation)).toEqual(['policy passed', 'blocked passed', 'user passed', 'issue passed']);
  expect(detailOf(explanation, 'user')).toBe('A claim of the token names the vendor user.');
  expect(detailOf(explanation, 'issue')).toBe('nabla would be asked for a token of the vendor user. Parameters: none.');
  expect(explanation.change).toMatch(/^Nothing has to be changed here/);
  expect(detailOf(await explain('nudge'), 'issue')).toBe(
    'nudge would be asked for a token of the account. Parameters: expiry_minutes 60.',
  );
});

test('explainConnection describes the calls that a proxy allows', async () => {
  expect(detailOf(await explain('nymbl'), 'proxy')).toBe(
    'nymbl would be called with a token of the broker. Allowed: GET /Patients, POST /Patients.',
  );
});

test('explainConnection says that a vendor which only signs users in offers no operation', async () => {
  const explanation = await explain('authgear');
  expect(explanation.allowed).toBe(false);
  expect(detailOf(explanation, 'issue')).toMatch(/^authgear only signs users in/);
  expect(explanation.change).toContain('another vendor');
});

test.each<[string, object, string, string, string]>([
  [
    'issuer',
    { issuers: ['http://127.0.0.1:9/authgear'] },
    'issuers',
    'an issuer of this connection',
    'vendors.nudge.issuers',
  ],
  ['scope', { requiredScopes: ['read', 'admin'] }, 'requiredScopes', 'admin', 'vendors.nudge.requiredScopes'],
  ['claim', { requiredClaims: { tier: 'canary', team: 1 } }, 'requiredClaims', 'tier', 'vendors.nudge.requiredClaims'],
])(
  'explainConnection names the %s that a token lacks, and the field to change',
  async (_, fields, check, lacks, field) => {
    const { vendors } = createConfigFor(sandbox);
    const issuers = 'issuers' in fields ? { issuers: [vendors.authgear.endpoint] } : fields;
    const explanation = await explain('nudge', issuers, { scopes: ['read'], claims: { team: 1, tier: 'hidden' } });
    expect(explanation.allowed).toBe(false);
    expect(outcomesOf(explanation)).toEqual([`${check} failed`, 'blocked passed', 'issue not_reached']);
    expect(detailOf(explanation, check)).toBe(`The token lacks: ${lacks}.`);
    expect(explanation.change).toContain(field);
    expect(JSON.stringify(explanation), 'no value of a claim, and no other issuer').not.toMatch(
      /canary|hidden|authgear/,
    );
  },
);

test('explainConnection says what the rules require of a token that satisfies them', async () => {
  const fields = { issuers: [sandbox.urls.idp], requiredScopes: ['read'], requiredClaims: { team: 1 } };
  const explanation = await explain('nudge', fields, { scopes: ['read'], claims: { team: 1 } });
  expect(explanation.allowed).toBe(true);
  expect(detailOf(explanation, 'issuers')).toBe('An issuer whose users may use the connection.');
  expect(detailOf(explanation, 'requiredScopes')).toBe('The scopes read.');
  expect(detailOf(explanation, 'requiredClaims')).toBe('The required values of the claims team.');
});

test('explainConnection names the rule of a policy and what it refuses, but no value', async () => {
  const rules = [
    { require: { not: { claim: 'app.suspended', equals: true } } },
    { require: { any: [{ claim: 'tier', equals: 'canary' }, { scope: 'rooms' }] }, operations: ['issue'] },
    { require: { claim: 'team', in: ['canary'] }, observe: true },
  ];
  const explanation = await explain('nudge', { policy: { rules } }, { claims: { tier: 'hidden' } });
  expect(outcomesOf(explanation)).toEqual([
    'policy passed',
    'policy failed',
    'policy passed',
    'blocked passed',
    'issue not_reached',
  ]);
  expect(explanation.checks.slice(0, 3).map(({ detail }) => detail)).toEqual([
    'The rule policy.rules.0 is satisfied.',
    'policy.rules.1 refuses because of the claim tier, the scope rooms.',
    'policy.rules.2 would refuse because of the claim team. The rule only observes.',
  ]);
  expect(explanation.change).toContain('vendors.nudge.policy.rules.1');
  expect(JSON.stringify(explanation)).not.toMatch(/canary|hidden/);
  const allowed = await explain('nudge', { policy: { rules } }, { claims: { tier: 'canary', team: 'canary' } });
  expect(allowed.allowed).toBe(true);
  expect(detailOf(allowed, 'policy')).toBe('The rule policy.rules.0 is satisfied.');
});

test('explainConnection names the calls that a token without their claim cannot make', async () => {
  const issuer = sandbox.urls.idp;
  const own = { method: 'GET', path: "/Patients('{claim:patient_id}')", issuer };
  const both = { allow: [{ method: 'GET', path: '/Visits' }, own] };
  const partly = await explain('nymbl', both, { claims: { patient_id: ['canary'] } });
  expect(partly.allowed).toBe(true);
  expect(detailOf(partly, 'proxy')).toContain('Refused: the calls of allow.1, because the token has no usable claim');
  const refused = await explain('nymbl', { allow: [own] }, { claims: { patient_id: ['canary'] } });
  expect(outcomesOf(refused)).toEqual(['policy passed', 'blocked passed', 'proxy failed']);
  expect(refused.change).toContain('vendors.nymbl.allow');
  expect(JSON.stringify([partly, refused])).not.toContain('canary');
  const allowed = await explain('nymbl', both, { claims: { patient_id: 'p-1' } });
  expect(detailOf(allowed, 'proxy')).not.toContain('Refused');
});

test('explainConnection says that a user is blocked, and how to unblock the user', async () => {
  const explanation = await explain('nudge', {}, {}, (store, alice) => store.blockUser(alice));
  expect(outcomesOf(explanation)).toEqual(['policy passed', 'blocked failed', 'issue not_reached']);
  expect(explanation.change).toContain('DELETE /v1/blocked-users');
});

test('explainConnection says where the vendor user is from', async () => {
  const map = (store: Store, { issuer, subject }: Principal) =>
    store.setVendorUser({ connection: 'vital', vendor: 'vital', issuer, subject }, 'u-1');
  expect(detailOf(await explain('vital', { user: { mapping: true } }, {}, map), 'user')).toBe(
    'The store has the vendor user.',
  );
  expect(detailOf(await explain('vital', {}, {}, map), 'user')).toBe('The store has the vendor user.');
  expect(detailOf(await explain('vital'), 'user')).toBe(
    'The store has no vendor user; the vendor would be asked to create one.',
  );
});

test.each<[string, object, string]>([
  ['a mapping', { mapping: true }, 'PUT /v1/vendor-users'],
  ['the claim of the vendor user', { claim: 'vital_id', issuer: 'idp' }, 'the claim "vital_id"'],
  ['the claim of the external id', { ensure: { externalIdClaim: 'user_id', issuer: 'idp' } }, 'the claim "user_id"'],
])('explainConnection says how to give a user %s that is missing', async (_, source, expected) => {
  const user = JSON.parse(JSON.stringify(source).replace('"idp"', `"${sandbox.urls.idp}"`)) as object;
  const explanation = await explain('vital', { user: 'ensure' in source ? { ensure: Object.values(user)[0] } : user });
  expect(outcomesOf(explanation)).toEqual(['policy passed', 'blocked passed', 'user failed', 'issue not_reached']);
  expect(explanation.change).toContain(expected);
});

test('explainConnection says that the token of the caller expires too soon for a bounded token', async () => {
  const bounded = { boundByAppToken: true };
  const soon = await explain('nudge', bounded, { expiresAtSeconds: Date.now() / 1000 + 10 });
  expect(outcomesOf(soon)).toEqual(['policy passed', 'blocked passed', 'issue failed']);
  expect(soon.change).toContain('vendors.nudge.boundByAppToken');
  const later = await explain('nudge', bounded, { expiresAtSeconds: Date.now() / 1000 + 301 });
  expect(detailOf(later, 'issue')).toContain('Parameters: expiry_minutes 5.');
});

test('explainConnection names the claim that a vendor reads', async () => {
  const customer = { claim: 'organization', issuer: sandbox.urls.idp };
  const explanation = await explain('nymbl', { customer });
  expect(outcomesOf(explanation)).toEqual(['policy passed', 'blocked passed', 'proxy failed']);
  expect(explanation.change).toContain('organization (vendors.nymbl.customer)');
  expect((await explain('nymbl', { customer }, { claims: { organization: 'acme' } })).allowed).toBe(true);
});

test('explainConnection says which checks need a store that cannot be read, and makes all others', async () => {
  const down = async () => {
    throw new ValetKeyError('overloaded', 'The store cannot be used.');
  };
  const explanation = await explain('vital', { requiredScopes: ['admin'] }, {}, async (store) => ({
    ...store,
    isBlocked: down,
    findVendorUser: down,
  }));
  expect(outcomesOf(explanation)).toEqual([
    'requiredScopes failed',
    'blocked not_reached',
    'user not_reached',
    'issue not_reached',
  ]);
  expect(detailOf(explanation, 'user')).toBe('The broker cannot read the store, so this was not checked.');
  const allowed = await explain('vital', {}, {}, async (store) => ({
    ...store,
    isBlocked: down,
    findVendorUser: down,
  }));
  expect(allowed.allowed).toBe(false);
  expect(allowed.change).toContain('`store`');
});

const explainUse = (name: keyof Vendors, fields: object, use: ExplainedUse, principal: Partial<Principal> = {}) =>
  explain(name, fields, principal, undefined, use);

test('explainConnection says that no rule names an operation under `default: deny`', async () => {
  const rules = [{ require: { scope: 'a' } }];
  const denied = await explain('nudge', { policy: { default: 'deny', rules } }, { scopes: ['a'] });
  expect(outcomesOf(denied).slice(0, 2)).toEqual(['policy failed', 'policy passed']);
  expect(detailOf(denied, 'policy')).toBe('policy.default refuses, because there is not a rule for issue.');
  expect(denied.change).toContain('vendors.nudge.policy.rules');
  const open = { default: 'deny', rules: [{ require: { scope: 'a' }, operations: ['issue'] }] };
  expect((await explain('nudge', { policy: open }, { scopes: ['a'] })).allowed).toBe(true);
});

test('explainConnection asks the function of the policy about issue, after all other checks', async () => {
  let result: unknown = true;
  const asked: unknown[] = [];
  const decide = (request: unknown) => {
    asked.push(request);
    if (result instanceof Error) throw result;
    return result;
  };
  const policy = { rules: [{ require: { scope: 'a' } }], decide };
  const explainDecided = async (scopes: string[]) => {
    const { checks, change } = await explain('nudge', { policy }, { scopes });
    return [checks.at(-1)?.outcome, checks.at(-1)?.detail, change];
  };
  expect((await explainDecided([])).slice(0, 2)).toEqual([
    'not_reached',
    'policy.decide decides about issue after all other checks.',
  ]);
  expect(asked).toEqual([]);
  expect((await explainDecided(['a'])).slice(0, 2)).toEqual(['passed', 'policy.decide allows issue.']);
  expect(asked).toMatchObject([{ operation: 'issue', connection: 'nudge', principal: { subject: 'alice' } }]);
  result = false;
  expect(await explainDecided(['a'])).toMatchObject([
    'failed',
    'policy.decide refuses issue.',
    expect.stringContaining('vendors.nudge.policy.decide'),
  ]);
  result = new Error('canary');
  const failed = await explainDecided(['a']);
  expect(failed.slice(0, 2)).toEqual(['failed', 'policy.decide has not decided about issue.']);
  expect(JSON.stringify(failed)).not.toContain('canary');
});

test('explainConnection decides about one proxied call: the list, its bound path and the function', async () => {
  const allow = [{ method: 'GET', path: "/Patients('{claim:patient_id}')", issuer: sandbox.urls.idp }];
  const fields = { allow, policy: { decide: ({ path }: { path?: string }) => path === "/Patients('p-1')" } };
  const principal = { claims: { patient_id: 'p-1' } };
  const callOf = (path: string) => ({ call: { method: 'GET', path, query: '' } });
  const own = await explainUse('nymbl', fields, callOf("/Patients('p-1')"), principal);
  expect(own.allowed).toBe(true);
  expect(own.checks.at(-1)?.detail).toBe('policy.decide allows proxy.');
  for (const path of ["/Patients('p-2')", '/Patients(%zz)', '/Users']) {
    const refused = await explainUse('nymbl', fields, callOf(path), principal);
    expect(outcomesOf(refused)).toEqual(['policy passed', 'blocked passed', 'proxy failed', 'policy not_reached']);
  }
  const withoutCall = await explain('nymbl', fields, principal);
  expect(withoutCall.checks.at(-1)?.detail).toBe('policy.decide decides about each call, and was not asked about one.');
});

test('explainConnection says that a vendor has no such operation', async () => {
  const explanation = await explainUse('nymbl', {}, { operation: 'issue' });
  expect(explanation.allowed).toBe(false);
  expect(detailOf(explanation, 'issue')).toBe('The vendor nymbl has no operation issue.');
});
