import {
  VendorSetupError,
  type IssuerOptions,
  type ProviderIssuer,
  type Vendor,
  type VendorDefinition,
} from '@valetkey/core-types';
import { egressSchema } from '@valetkey/vendor-clients';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { checkConnections } from './check-connections.ts';
import type { ConnectionPolicy } from './connection-policy.ts';
import type { ConnectionConfig } from './config.ts';

const egress = egressSchema.parse({});

const one: IssuerOptions = { issuer: 'https://one.example.com', audiences: ['api'] };
const two: IssuerOptions = { issuer: 'https://two.example.com', audiences: ['api'] };
const parameters = z.strictObject({});
const issueForUser = { bound: 'user' as const, parameters, issue: () => Promise.reject(new Error('not called')) };
const issueForAccount = { ...issueForUser, bound: 'account' as const };
const users = { ensureUser: () => Promise.reject(new Error('not called')) };
const proxy: Vendor['proxy'] = {
  allow: [],
  tokenKey: () => ({ vendor: 'acme' }),
  issueServerToken: () => Promise.reject(new Error('not called')),
  send: () => Promise.reject(new Error('not called')),
};

/** Creates the configuration of the connection `acme` to a hand-written vendor. */
function configure(
  vendor: Omit<Vendor, 'id' | 'close'> | (() => never),
  policy: Partial<ConnectionPolicy> = {},
): ConnectionConfig {
  const definition: VendorDefinition = {
    id: 'acme',
    title: 'Acme Rooms',
    options: z.strictObject({}),
    credentials: [],
    create: () => (typeof vendor === 'function' ? vendor() : { id: 'acme', close: async () => undefined, ...vendor }),
  };
  const whole = { boundByAppToken: false, requiredScopes: [], requiredClaims: {}, ...policy };
  return { name: 'acme-eu', definition, options: {}, policy: whole };
}

const problemsOf = (connections: readonly ConnectionConfig[], issuers: readonly IssuerOptions[] = [one]) =>
  checkConnections(connections, issuers, egress).problems;

test('checkConnections refuses a private address in the issuer of a vendor that signs users in', () => {
  const connection = configure({ authenticate: { issuer: { issuer: 'https://10.0.0.5', audiences: ['api'] } } });
  expect(problemsOf([connection])).toEqual([
    expect.stringMatching(/^vendors\.acme-eu: the issuer of its identity provider names a host .*`egress\.allow`/),
  ]);
});

test('checkConnections accepts policies whose rules all have an effect', () => {
  const policy: Partial<ConnectionPolicy> = {
    issuers: [one.issuer],
    boundByAppToken: false,
    requiredScopes: ['rooms'],
    requiredClaims: { tier: 'gold' },
  };
  const connections = [
    configure({ issue: issueForUser, users }, { ...policy, user: { ensure: true } }),
    configure({ issue: issueForAccount }, policy),
    configure({ proxy }, policy),
  ];
  expect(checkConnections(connections, [one, two], egress)).toEqual({
    issuers: [one, two],
    issuerCertificates: new Map(),
    egress: expect.objectContaining({ refuses: expect.any(Function) as unknown }) as object,
    problems: [],
  });
});

test('checkConnections adds the issuer of each vendor that signs users in, given as a record or as a provider', () => {
  const provider: ProviderIssuer = { provider: 'authgear', endpoint: 'https://acme.authgear.cloud' };
  const connections = [configure({ authenticate: { issuer: two } }), configure({ authenticate: { issuer: provider } })];
  const { issuers, problems } = checkConnections(connections, [one], egress);
  expect(problems).toEqual([]);
  expect(issuers.map(({ issuer }) => issuer)).toEqual([one.issuer, two.issuer, 'https://acme.authgear.cloud']);
});

test('checkConnections reports a configuration without any issuer, and an issuer that is listed twice', () => {
  expect(problemsOf([], [])).toEqual([
    'issuers: is empty and no vendor signs users in, so the broker would accept no token; add an issuer',
  ]);
  expect(problemsOf([configure({ authenticate: { issuer: two } })], [])).toEqual([]);
  expect(problemsOf([configure({ authenticate: { issuer: one } })], [one])).toEqual([
    expect.stringMatching(/^issuers: /),
  ]);
});

test('checkConnections reports the options that a vendor refuses, and the problems of other connections', () => {
  const refused = configure(() => {
    throw new VendorSetupError('apiKey: is of another environment');
  });
  const useless = configure({ issue: issueForAccount }, { user: { claim: 'sub' } });
  expect(problemsOf([refused, useless])).toEqual([
    'vendors.acme-eu: apiKey: is of another environment',
    'vendors.acme-eu.user: has no effect, because the client tokens of Acme Rooms are not bound to a user; remove it',
  ]);
});

const canary = new TypeError('canary');

/** A value whose every field throws when it is read. */
const unreadable = new Proxy(
  {},
  {
    get() {
      throw canary;
    },
  },
);

test.each<[string, () => unknown, string]>([
  [
    'throws a TypeError',
    () => {
      throw canary;
    },
    'fails in `create`',
  ],
  [
    'throws an error with a code',
    () => {
      throw Object.assign(new Error('canary'), { code: 'ERR_CANNOT' });
    },
    'fails in `create` (ERR_CANNOT)',
  ],
  [
    'throws no error',
    () => {
      throw 'canary' as unknown as Error;
    },
    'fails in `create`',
  ],
  [
    'throws an unreadable value',
    () => {
      throw unreadable as unknown as Error;
    },
    'fails in `create`',
  ],
  ['returns nothing', () => undefined, 'must return a vendor from `create`'],
  ['returns a text', () => 'canary', 'must return a vendor from `create`'],
  ['is asynchronous', async () => Promise.reject(canary), 'must return a vendor from `create`'],
  ['returns an unreadable vendor', () => unreadable, 'fails in `create`'],
  [
    'returns an ability that is a text',
    () => ({ close: () => {}, issue: 'canary' }),
    'must return a vendor from `create`',
  ],
  [
    'returns unreadable abilities',
    () => ({ close: () => {}, issue: unreadable }),
    'has an operation or an `authenticate` that is not valid; correct the adapter',
  ],
  [
    'returns an unreadable issuer',
    () => ({ close: () => {}, authenticate: { issuer: unreadable } }),
    'has an operation or an `authenticate` that is not valid; correct the adapter',
  ],
])('checkConnections names an adapter that %s, without its text', (_, create, expected) => {
  const { definition, ...rest } = configure({}, { user: { mapping: true } });
  const faulty = { ...rest, definition: { ...definition, create: create as typeof definition.create } };
  expect(problemsOf([faulty])).toEqual([`vendors.acme-eu: the adapter \`acme\` ${expected}`]);
});

test.each<[string, Partial<ConnectionPolicy>]>([
  ['issuers', { issuers: [one.issuer] }],
  ['requiredScopes', { boundByAppToken: false, requiredScopes: ['rooms'] }],
  ['requiredClaims', { requiredClaims: { tier: 'gold' } }],
])('checkConnections reports `%s` for a vendor that only signs users in', (option, policy) => {
  expect(problemsOf([configure({ authenticate: { issuer: two } }, policy)])).toEqual([
    `vendors.acme-eu.${option}: has no effect, because Acme Rooms only signs users in; set it on the connections that these users use`,
  ]);
});

test('checkConnections reports `ensure` for a vendor that cannot create users', () => {
  expect(problemsOf([configure({ issue: issueForUser }, { user: { ensure: true } })])).toEqual([
    'vendors.acme-eu.user.ensure: Acme Rooms cannot create users; use claim or mapping',
  ]);
});

test.each<[string, Omit<Vendor, 'id' | 'close'>, Partial<ConnectionPolicy>]>([
  ['user', { issue: issueForUser }, { user: { claim: 'sub' } }],
  ['user.ensure', { issue: issueForUser, users }, { user: { ensure: { externalIdClaim: 'sub' } } }],
  ['customer', { proxy, claims: [{ option: 'customer', claim: 'customer' }] }, {}],
])(
  'checkConnections requires an issuer beside the claim in `%s` if users of several issuers may use the connection',
  (option, ...rest) => {
    const [vendor, policy] = rest;
    const missing = `vendors.acme-eu.${option}.issuer: is missing: set it to the issuer whose claim counts, because several issuers or tenants may assert this claim`;
    expect(problemsOf([configure(vendor, policy)], [one, two])).toEqual([missing]);
    expect(problemsOf([configure(vendor, policy)], [one])).toEqual([]);
    // If only one issuer's users may use the connection, the issuer of the claim is certain.
    expect(problemsOf([configure(vendor, { ...policy, issuers: [two.issuer] })], [one, two])).toEqual([]);
  },
);

test.each<[string, Omit<Vendor, 'id' | 'close'>, Partial<ConnectionPolicy>]>([
  ['user', { issue: issueForUser }, { user: { claim: 'sub', issuer: two.issuer } }],
  ['user.ensure', { issue: issueForUser, users }, { user: { ensure: { externalIdClaim: 'sub', issuer: two.issuer } } }],
  ['customer', { proxy, claims: [{ option: 'customer', claim: 'customer', issuer: two.issuer }] }, {}],
])(
  'checkConnections reports a claim in `%s` whose issuer is not configured or not among `issuers` of the connection',
  (option, ...rest) => {
    const [vendor, policy] = rest;
    const problem = `vendors.acme-eu.${option}.issuer: is not one of ${one.issuer}`;
    expect(problemsOf([configure(vendor, policy)], [one])).toEqual([problem]);
    expect(problemsOf([configure(vendor, { ...policy, issuers: [one.issuer] })], [one, two])).toEqual([problem]);
    expect(problemsOf([configure(vendor, policy)], [one, two])).toEqual([]);
  },
);

test('checkConnections reports an issuer of a policy that is not configured', () => {
  expect(problemsOf([configure({ proxy }, { issuers: [one.issuer, 'https://els.example.com'] })], [one, two])).toEqual([
    'vendors.acme-eu.issuers.1: is not one of https://one.example.com, https://two.example.com',
  ]);
});

describe('an issuer with tenants', () => {
  const form = 'https://login.example.com/{tenantid}/v2.0';
  const tenanted = {
    issuer: form,
    audiences: ['api'],
    jwksUri: 'https://login.example.com/keys',
    tenants: { accepted: 'any' },
  };
  const tenant = 'https://login.example.com/t-1/v2.0';

  test.each([form, tenant])('checkConnections accepts a connection for the users of %s', (issuer) => {
    expect(problemsOf([configure({ proxy }, { issuers: [issuer] })], [tenanted as IssuerOptions])).toEqual([]);
  });

  test('checkConnections requires an issuer beside a claim, because every tenant is an issuer that may assert it', () => {
    const connections = [configure({ issue: issueForUser }, { user: { claim: 'id' } })];
    expect(problemsOf(connections, [tenanted as IssuerOptions])).toEqual([expect.stringContaining('is missing')]);
  });
});
