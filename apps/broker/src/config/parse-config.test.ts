import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { ConfigError } from './config-error.ts';
import { parseConfig } from './parse-config.ts';

const canary = 'canary-c81d';
const nymbl = { clientId: 'client', clientSecret: 'secret', apiKey: 'key' };
const issuers = [{ issuer: 'https://id.example.com', audiences: ['api'] }];
const nudge = { apiKey: canary };

/** Returns the problems that parseConfig reports. */
function problemsOf(config: object): readonly string[] {
  try {
    parseConfig({ issuers, ...config });
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  return [];
}

test('parseConfig returns loopback addresses, ports and header prefix by default', () => {
  expect(parseConfig({ issuers })).toMatchObject({
    listen: { host: '127.0.0.1', port: 8787 },
    admin: { host: '127.0.0.1', port: 8788 },
    forwardAuth: { headerPrefix: 'x-valetkey-' },
    connections: [],
  });
});

test('parseConfig accepts a port as text', () => {
  expect(parseConfig({ issuers, listen: { port: '9000' } }).listen.port).toBe(9000);
});

test('parseConfig accepts `dpop` of a record and of a preset with a public URL, and fills in its defaults', () => {
  const config = parseConfig({
    publicUrl: 'https://broker.example.com',
    issuers: [
      { ...issuers[0], dpop: { required: true } },
      { provider: 'google', clientIds: 'app', record: { dpop: {} } },
    ],
  });
  const defaults = { algorithms: ['ES256', 'EdDSA', 'Ed25519'], maxAgeSeconds: 60, nonceRequired: false };
  expect(config.issuers.map(({ dpop }) => dpop)).toEqual([
    { ...defaults, required: true },
    { ...defaults, required: false },
  ]);
});

test('parseConfig needs no key of nonces with a SQLite file, which one machine has', () => {
  const dpop = { nonceRequired: true };
  expect(problemsOf({ publicUrl: 'https://broker.example.com', issuers: [{ ...issuers[0], dpop }] })).toEqual([]);
});

describe('invalid configuration', () => {
  test.each<[string, object, RegExp]>([
    ['a missing secret', { vendors: { nudge: {} } }, /^vendors\.nudge\.apiKey: /],
    ['a secret with white space in it', { vendors: { nudge: { apiKey: `${canary} x` } } }, /^vendors\.nudge\.apiKey: /],
    ['an unknown field', { listn: {} }, /^listn: is not a known field; did you mean `listen`\?$/],
    [
      'a host name with a port',
      { admin: { hostNames: ['admin.example.com:8788'] } },
      /^admin\.hostNames\.0: must be a host/,
    ],
    [
      'a store timeout that no timer can keep',
      { store: { postgres: 'postgresql://localhost/test', timeoutMs: 3_000_000_000 } },
      /^store/,
    ],
    [
      'an unknown field of a vendor',
      { vendors: { nudge: { ...nudge, key: canary } } },
      /^vendors\.nudge\.key: is not a known field$/,
    ],
    [
      'an unknown vendor',
      { vendors: { nugde: nudge } },
      /^vendors\.nugde: is not a known vendor; did you mean `nudge`\?$/,
    ],
    [
      'a vendor of another name',
      { vendors: { mars: nudge } },
      /^vendors\.mars: is not a known vendor; known are authgear, nabla, nudge, nymbl, vital, ably, (?:[a-z0-9-]+, )+xai-realtime$/,
    ],
    [
      'an unknown vendor whose name may be a secret',
      { vendors: { nudge, [canary]: nudge } },
      /^vendors, entry 2 \(its name is not shown\): is not a known vendor; known are /,
    ],
    [
      'a connection with an invalid name that may be a secret',
      { vendors: { [`X-${canary}`]: { vendor: 'nudge', ...nudge } } },
      /^vendors, entry 1 \(its name is not shown\): the name must have 1 to 63 characters/,
    ],
    [
      'a secret in place of a field of a vendor',
      { vendors: { nabla: { [`sk-live-${canary}`]: 'x' } } },
      /^vendors\.nabla: has an unknown field whose name may be a secret and is not shown$/,
    ],
    [
      'a secret in place of a field of the broker',
      { [canary]: true },
      /^\(the whole configuration\): has an unknown field whose name may be a secret and is not shown$/,
    ],
    [
      'a secret in place of an issuer of a connection',
      { vendors: { nudge: { ...nudge, issuers: [issuers[0]?.issuer, canary] } } },
      /^vendors\.nudge\.issuers\.1: is not one of https:\/\/id\.example\.com$/,
    ],
    [
      'a misspelt rule of a connection',
      { vendors: { nudge: { ...nudge, requiredScope: ['read'] } } },
      /^vendors\.nudge\.requiredScope: is not a known field; did you mean `requiredScopes`\?$/,
    ],
    ['a short admin token', { admin: { token: canary } }, /^admin\.token: must have at least 16 characters/],
    [
      'a short next admin token',
      { admin: { token: { current: 'x'.repeat(16), next: canary } } },
      /^admin\.token\.next: must have at least 16 characters/,
    ],
    [
      'a short named admin token',
      { admin: { tokens: [{ name: 'support', token: canary }] } },
      /^admin\.tokens\.0\.token: must have at least 16 characters/,
    ],
    [
      'a hash that is none',
      { admin: { tokens: [{ name: 'support', token: { sha256: canary } }] } },
      /^admin\.tokens\.0\.token\.sha256: must be the SHA-256 of the token/,
    ],
    [
      'a name of an admin token with a space',
      { admin: { tokens: [{ name: `a ${canary}`, token: 'x'.repeat(32) }] } },
      /^admin\.tokens\.0\.name: must have 1 to 63 letters/,
    ],
    [
      'the name of the token without a name',
      { admin: { tokens: [{ name: 'admin', token: 'x'.repeat(32) }] } },
      /^admin\.tokens\.0\.name: must not be `admin`, the actor of admin\.token$/,
    ],
    [
      'two admin tokens of one name',
      { admin: { tokens: ['x', 'y'].map((letter) => ({ name: 'support', token: letter.repeat(32) })) } },
      /^admin\.tokens\.1\.name: is the name of another token$/,
    ],
    [
      'one admin token for two names',
      {
        admin: {
          tokens: [
            { name: 'support', token: { current: 'x'.repeat(32), next: 'y'.repeat(32) } },
            { name: 'deploy', token: { sha256: createHash('sha256').update('y'.repeat(32)).digest('base64url') } },
          ],
        },
      },
      /^admin\.tokens\.1\.token\.sha256: is also the token of support; give each actor a token of its own$/,
    ],
    ['vendors as a list', { vendors: [canary] }, /^vendors: must be an object, not a list$/],
    ['an instance of a class', { store: new Map([[canary, canary]]) }, /^store: must be plain data/],
    [
      'a field `__proto__`',
      { vendors: { nudge: { ...nudge, requiredClaims: JSON.parse('{"__proto__":"canary-c81d"}') as unknown } } },
      /^vendors\.nudge\.requiredClaims: has a field `__proto__`, which is not allowed$/,
    ],
    ['a path in the home folder', { store: { sqlite: '~/data.sqlite' } }, /^store\.sqlite: must be a path; `~`/],
    ['a path that is `~`', { store: { sqlite: '~' } }, /^store\.sqlite: must be a path; `~`/],
    ['a URL of a SQLite file', { store: { sqlite: 'sqlite:///data.sqlite' } }, /^store\.sqlite: must be a path;/],
    ['an unknown `synchronous`', { store: { sqlite: 'data.sqlite', synchronous: 'off' } }, /^store\.synchronous: /],
    [
      '`synchronous` of a PostgreSQL store',
      { store: { postgres: 'postgresql://u@host/db', synchronous: 'full' } },
      /^store\.synchronous: is not a known field/,
    ],
    ['no choice of a store', { store: {} }, /^store: set either `sqlite` or `postgres`$/],
    [
      'two user sources',
      { vendors: { nudge: { ...nudge, user: { claim: 'sub', mapping: true } } } },
      /^vendors\.nudge\.user: set one of `claim`, `mapping` or `ensure`, not several$/,
    ],
    [
      'an issuer without audiences',
      { issuers: [{ issuer: 'https://id.example.com' }] },
      /^issuers\.0\.audiences: is missing/,
    ],
    [
      'an issuer with an empty list of audiences',
      { issuers: [{ ...issuers[0], audiences: [] }] },
      /^issuers\.0\.audiences: /,
    ],
    ['an empty list of issuers', { issuers: [] }, /^issuers: /],
    ['the algorithm none', { issuers: [{ ...issuers[0], algorithms: ['none'] }] }, /^issuers\.0\.algorithms\.0: /],
    [
      'an issuer with a plain http URL',
      { issuers: [{ ...issuers[0], issuer: 'http://id.example.com' }] },
      /^issuers\.0\.issuer: /,
    ],
    ['a port out of range', { listen: { port: 70_000 } }, /^listen\.port: must be a whole number from 0 to 65535$/],
    [
      'a port out of range, as text',
      { listen: { port: '70000' } },
      /^listen\.port: must be a whole number from 0 to 65535$/,
    ],
    ['a port with a letter', { listen: { port: '80a' } }, /^listen\.port: must be a whole number from 0 to 65535$/],
    ['an empty text as a port', { listen: { port: '' } }, /^listen\.port: /],
    [
      'a misspelt field of a user source',
      { vendors: { nudge: { ...nudge, user: { cliam: 'sub' } } } },
      /^vendors\.nudge\.user/,
    ],
    [
      'user.ensure for a vendor that cannot create users',
      { vendors: { nabla: { serverKey: canary, user: { ensure: true } } } },
      /^vendors\.nabla\.user\.ensure: /,
    ],
    [
      'a user claim without an issuer beside two issuers',
      {
        issuers: [...issuers, { issuer: 'https://two.example.com', audiences: ['api'] }],
        vendors: { nabla: { serverKey: canary, user: { claim: 'sub' } } },
      },
      /^vendors\.nabla\.user\.issuer: is missing/,
    ],
    [
      'a user claim of an unknown issuer',
      { vendors: { nabla: { serverKey: canary, user: { claim: 'sub', issuer: 'https://else.example.com' } } } },
      /^vendors\.nabla\.user\.issuer: is not one of/,
    ],
    [
      'a customer claim without an issuer beside two issuers',
      {
        issuers: [...issuers, { issuer: 'https://two.example.com', audiences: ['api'] }],
        vendors: { nymbl: { ...nymbl, customer: { claim: 'customer' } } },
      },
      /^vendors\.nymbl\.customer\.issuer: is missing/,
    ],
    [
      'a customer claim of an unknown issuer',
      { vendors: { nymbl: { ...nymbl, customer: { claim: 'customer', issuer: 'https://else.example.com' } } } },
      /^vendors\.nymbl\.customer\.issuer: is not one of/,
    ],
    [
      'required claims for a vendor that only signs users in',
      { vendors: { authgear: { endpoint: 'https://a.authgear.cloud', requiredClaims: { verified: true } } } },
      /^vendors\.authgear\.requiredClaims: has no effect/,
    ],
    [
      'a connection for an unknown issuer',
      { vendors: { nudge: { ...nudge, issuers: ['https://else.example.com'] } } },
      /^vendors\.nudge\.issuers\.0: is not one of/,
    ],
    [
      'required scopes for a vendor that only signs users in',
      { vendors: { authgear: { endpoint: 'https://a.authgear.cloud', requiredScopes: ['read'] } } },
      /^vendors\.authgear\.requiredScopes: has no effect/,
    ],
    [
      'a user source for a vendor without users',
      { vendors: { nudge: { ...nudge, user: { claim: 'sub' } } } },
      /^vendors\.nudge\.user: has no effect/,
    ],
    [
      'a Vital key of another environment',
      { vendors: { vital: { apiKey: `pk_eu_${canary}`, environment: 'sandbox', region: 'us' } } },
      /^vendors\.vital/,
    ],
    [
      'a URL of another database in store.postgres',
      { store: { postgres: `mysql://u:${canary}@host/db` } },
      /^store\.postgres: must be like postgresql:/,
    ],
    [
      'two stores at once',
      { store: { sqlite: ':memory:', postgres: `postgresql://u:${canary}@host/db` } },
      /^store: set either `sqlite` or `postgres`, not both$/,
    ],
    [
      'the same port for both listeners',
      { listen: { port: 9000 }, admin: { port: 9000 } },
      /^admin\.port: is the same as listen\.port; change one of these two fields$/,
    ],
    [
      'the same port on every interface',
      { listen: { host: '0.0.0.0', port: 9000 }, admin: { port: 9000 } },
      /^admin\.port: /,
    ],
    ['an empty secret', { vendors: { nabla: { serverKey: '' } } }, /^vendors\.nabla\.serverKey: must not be empty$/],
    ['a repeated issuer', { issuers: [...issuers, ...issuers] }, /^issuers: /],
    [
      'an issuer with DPoP without a public URL',
      { issuers: [{ ...issuers[0], dpop: {} }] },
      /^publicUrl: is missing, and `dpop` of an identity provider needs it; /,
    ],
    [
      'nonces of DPoP without a key in a database that brokers may share',
      {
        publicUrl: 'https://broker.example.com',
        store: { postgres: 'postgresql://127.0.0.1/valetkey' },
        issuers: [
          {
            ...issuers[0],
            dpop: { nonceRequired: true },
          },
        ],
      },
      /^dpop\.nonceKey: is missing, and `dpop\.nonceRequired` of an identity provider needs it with `store\.postgres`; /,
    ],
    ['a short key of nonces', { dpop: { nonceKey: canary } }, /^dpop\.nonceKey: must have at least 32 characters; /],
    [
      'proofs that a shared secret signs',
      {
        publicUrl: 'https://broker.example.com',
        issuers: [{ ...issuers[0], dpop: { algorithms: ['HS256'] } }],
      },
      /^issuers\.0\.dpop\.algorithms\.0: /,
    ],
    [
      'an issuer whose options contradict each other',
      { issuers: [{ ...issuers[0], keysSoftTtlSeconds: 600, keysStaleSeconds: 1 }] },
      /^issuers\.0\.keysStaleSeconds: /,
    ],
    [
      'a URL of another protocol in redis.url',
      { redis: { url: `http://${canary}`, sealingKeys: [{ id: 'a', secret: 'x'.repeat(32) }] } },
      /^redis\.url: /,
    ],
    [
      'a short sealing key',
      { redis: { url: 'redis://127.0.0.1', sealingKeys: [{ id: 'a', secret: canary }] } },
      /^redis\.sealingKeys\.0\.secret: /,
    ],
  ])('parseConfig refuses %s, and names the field without its value', (_, config, expected) => {
    const problems = problemsOf(config);
    expect(problems).toEqual(expect.arrayContaining([expect.stringMatching(expected)]));
    expect(problems.join('\n')).not.toContain(canary);
  });
});

test.each([
  ['an empty secret', { vendors: { nudge: { apiKey: '' } } }],
  ['a misspelt secret', { vendors: { nudge: { apikey: canary } } }],
  ['a URL of no kind', { publicUrl: 'x' }],
  ['a missing issuer of an identity provider', { issuers: [{ audiences: ['api'] }] }],
  ['an empty list of sealing keys', { redis: { url: 'redis://127.0.0.1', sealingKeys: [] } }],
])('parseConfig reports %s once', (_, config) => {
  expect(problemsOf(config)).toHaveLength(1);
});

test('parseConfig accepts objects without a prototype', () => {
  const bare = Object.assign(Object.create(null) as object, { nudge });
  expect(parseConfig({ issuers, vendors: bare }).connections).toMatchObject([{ name: 'nudge' }]);
});

test('parseConfig reports an unknown field and a missing secret together', () => {
  expect(problemsOf({ listn: {}, vendors: { nudge: {} } })).toHaveLength(2);
});

test('parseConfig accepts a secret with `current` and `next`', () => {
  expect(problemsOf({ vendors: { nudge: { apiKey: { current: 'a', next: 'b' } } } })).toEqual([]);
});

test('parseConfig refuses request ids of proxies if it names no proxy', () => {
  expect(problemsOf({ listen: { proxyRequestIds: true } })).toEqual([
    'listen.proxyRequestIds: has no effect without listen.trustedProxies; name the proxies there that set X-Request-Id',
  ]);
  expect(problemsOf({ listen: { proxyRequestIds: true, trustedProxies: ['10.0.0.5'] } })).toEqual([]);
});
