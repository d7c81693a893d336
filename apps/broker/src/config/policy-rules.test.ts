import { expect, test } from 'vitest';
import { ConfigError } from './config-error.ts';
import { parseConfig } from './parse-config.ts';

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
