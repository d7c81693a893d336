import { expect, test } from 'vitest';
import { ConfigError } from './config-error.ts';
import { parseConfig } from './parse-config.ts';
import { resolveReferences } from './references.ts';

const issuer = 'https://id.example.com';

/** Returns the problems of a configuration whose connection `nudge` has these fields. */
function problemsOf(fields: object, vendor: object = { nudge: { apiKey: 'key', ...fields } }): readonly string[] {
  try {
    parseConfig({ issuers: [{ issuer, audiences: ['api'] }], vendors: vendor });
    return [];
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
}

const problemsOfRule = (rule: object) =>
  problemsOf({ policy: { rules: [rule] } }).map((problem) => problem.replace('vendors.nudge.policy.rules.0.', ''));

test('a policy accepts every condition, inside one another too', () => {
  const all = [
    { issuer },
    { scope: 'rooms' },
    { claim: 'plan', equals: 'pro' },
    { claim: 'plan', in: ['pro', 3, true] },
    { claim: 'realm_access.roles', contains: 'staff' },
    { between: ['22:00', '06:00'], timeZone: 'Europe/Berlin' },
    { not: { any: [{ scope: 'a' }, { not: { scope: 'b' } }] } },
  ];
  expect(problemsOfRule({ require: { all }, operations: ['issue'], observe: true })).toEqual([]);
});

test.each<[object, string]>([
  [{}, 'require: is missing'],
  [{ require: {} }, 'require: set one of `all`, `any`'],
  [{ require: { scope: 'a', issuer } }, 'require: set one of `all`, `any`'],
  [{ require: { all: [] } }, 'require.all: must not be empty'],
  [
    { require: { all: [{ not: { scop: 'a' } }] } },
    'require.all.0.not.scop: is not a known field; did you mean `scope`?',
  ],
  [{ require: { claim: 'a' } }, 'require: needs exactly one of'],
  [{ require: { claim: 'a', equals: 1, contains: 1 } }, 'require: needs exactly one of'],
  [{ require: { claim: 'a', equals: { b: 1 } } }, 'require.equals: must be'],
  [{ require: { between: ['8:00', '18:00'], timeZone: 'UTC' } }, 'require.between.0: must be a time'],
  [{ require: { between: ['08:00', '08:00'], timeZone: 'UTC' } }, 'require.between: must be two different times'],
  [{ require: { between: ['08:00', '18:00'], timeZone: 'Mars' } }, 'require.timeZone: must be the name of a time zone'],
  [{ require: { scope: 'a' }, operations: [] }, 'operations: must not be empty'],
  [{ require: { scope: 'a' }, operations: ['map'] }, 'operations.0: must be'],
  [{ require: { scope: 'a' }, operations: ['proxy'] }, 'operations: has no effect, because Nudge has none'],
  [{ require: { any: [{ issuer: 'https://x.example.com' }] } }, `require.any.0.issuer: is not one of ${issuer}`],
  [{ require: { not: { issuer: `${issuer}/` } } }, `require.not.issuer: is not one of ${issuer}`],
  [{ require: { scope: 'a' }, observed: true }, 'observed: is not a known field; did you mean `observe`?'],
])('a policy refuses the rule %j', (rule, expected) => {
  expect(problemsOfRule(rule)).toEqual([expect.stringContaining(expected)]);
});

test('a policy of a vendor that only signs users in is refused, because it has no effect', () => {
  const policy = { rules: [{ require: { scope: 'a' } }] };
  expect(problemsOf({}, { authgear: { endpoint: 'https://a.authgear.cloud', policy } })).toEqual([
    expect.stringMatching(/^vendors\.authgear\.policy: has no effect/),
  ]);
});

test.each<[object, string]>([
  [{ default: 'dney' }, 'policy.default: must be'],
  [{ default: true }, 'policy.default: must be'],
  [{ default: null }, 'policy.default: must be'],
  [{ defualt: 'deny' }, 'policy.defualt: is not a known field; did you mean `default`?'],
  [{ default: 'deny', rules: [{ require: { scope: 'a' }, operations: ['isue'] }] }, 'operations.0: must be'],
  [{ default: 'deny', rules: [{ require: { scope: 'a' }, operations: ['authorize'] }] }, 'operations.0: must be'],
  [{ decide: 'return true' }, 'policy.decide: must be a function'],
  [{ decide: true }, 'policy.decide: must be a function'],
  [{ decide: null }, 'policy.decide: must be a function'],
  [{ decideTimeoutMs: 10 }, 'policy.decideTimeoutMs: has no effect without `decide`'],
  [{ decide: () => true, decideTimeoutMs: 0 }, 'policy.decideTimeoutMs: must be'],
  [{ decide: () => true, decideTimeoutMs: 60_001 }, 'policy.decideTimeoutMs: must be'],
])('a policy refuses %j instead of allowing by mistake', (policy, expected) => {
  expect(problemsOf({ policy })).toEqual([expect.stringContaining(expected)]);
});

test('a policy has a default of its own, and keeps the function of its operator', async () => {
  const decide = () => true;
  const vendors = { nudge: { apiKey: 'key', policy: { decide, decideTimeoutMs: 200 } } };
  const input = { issuers: [{ issuer, audiences: ['api'] }], vendors };
  const [connection] = parseConfig(await resolveReferences(input)).connections;
  expect(connection?.policy.policy).toEqual({ default: 'allow', rules: [], decide, decideTimeoutMs: 200 });
  expect(connection?.policy.policy?.decide).toBe(decide);
});

/** Returns the problems of a configuration whose forward authentication has this policy. */
function problemsOfForwardAuth(policy: object): readonly string[] {
  try {
    parseConfig({ issuers: [{ issuer, audiences: ['api'] }], forwardAuth: { policy } });
    return [];
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
}

test('forward authentication accepts the same policy, with operations of its own', () => {
  const rules = [{ require: { all: [{ issuer }, { scope: 'a' }] }, operations: ['authorize', 'resolve'] }];
  expect(problemsOfForwardAuth({ default: 'deny', rules, decide: () => true })).toEqual([]);
  expect(problemsOfForwardAuth({ rules: [{ require: { scope: 'a' }, operations: ['proxy'] }] })).toEqual([
    expect.stringContaining('forwardAuth.policy.rules.0.operations.0: must be'),
  ]);
  expect(problemsOfForwardAuth({ rules: [{ require: { issuer: 'https://x.example.com' } }] })).toEqual([
    `forwardAuth.policy.rules.0.require.issuer: is not one of ${issuer}`,
  ]);
});

test('an entry that is bound to a claim cannot only observe', () => {
  const nymbl = { clientId: 'a', clientSecret: 'b', apiKey: 'c', customer: { value: 'acme' } };
  const allow = [{ method: 'GET', path: '/Patients({claim:id})', observe: true }];
  expect(problemsOf({}, { nymbl: { ...nymbl, allow } })).toEqual([
    expect.stringContaining('vendors.nymbl.allow.0.observe: is not a known field'),
  ]);
});

test('an entry that is bound to a claim needs an issuer if the users of several issuers may use the connection', () => {
  const other = 'https://other.example.com';
  const nymbl = { clientId: 'a', clientSecret: 'b', apiKey: 'c', customer: { value: 'acme' } };
  const check = (entry: object, fields: object = {}) => {
    const allow = [{ method: 'GET', path: '/Patients({claim:id})', ...entry }];
    const issuers = [issuer, other].map((name) => ({ issuer: name, audiences: ['api'] }));
    return () => parseConfig({ issuers, vendors: { nymbl: { ...nymbl, ...fields, allow } } });
  };
  expect(check({})).toThrow('vendors.nymbl.allow.0.issuer: is missing');
  expect(check({ issuer: 'https://x.example.com' })).toThrow('vendors.nymbl.allow.0.issuer: is not one of');
  expect(check({ issuer: other })).not.toThrow();
  expect(check({}, { issuers: [issuer] })).not.toThrow();
});
