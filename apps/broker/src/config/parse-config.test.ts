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

describe('invalid configuration', () => {
  test.each<[string, object, RegExp]>([
    ['a missing secret', { vendors: { nudge: {} } }, /^vendors\.nudge\.apiKey: /],
    ['a secret with white space in it', { vendors: { nudge: { apiKey: `${canary} x` } } }, /^vendors\.nudge\.apiKey: /],
    ['an unknown field', { listn: {} }, /^listn: is not a known field$/],
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
      /^vendors\.nugde: is not a known vendor; known are authgear, nabla, nudge, nymbl, vital$/,
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
      /^vendors\.nudge\.issuers: https:\/\/else.example.com is not one of/,
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
    ['two stores at once', { store: { sqlite: ':memory:', postgres: `postgresql://u:${canary}@host/db` } }, /^store\./],
    ['the same port for both listeners', { listen: { port: 9000 }, admin: { port: 9000 } }, /^admin\.port: /],
    ['an empty secret', { vendors: { nabla: { serverKey: '' } } }, /^vendors\.nabla\.serverKey: must not be empty$/],
    ['a repeated issuer', { issuers: [...issuers, ...issuers] }, /^issuers: /],
    [
      'an issuer with DPoP',
      { issuers: [{ ...issuers[0], dpop: {} }] },
      /^issuers\.0\.dpop: is not available here; the broker accepts only bearer tokens$/,
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

test('parseConfig reports an unknown field and a missing secret together', () => {
  expect(problemsOf({ listn: {}, vendors: { nudge: {} } })).toHaveLength(2);
});

test('parseConfig accepts a secret with `current` and `next`', () => {
  expect(problemsOf({ vendors: { nudge: { apiKey: { current: 'a', next: 'b' } } } })).toEqual([]);
});
