import { expect, test } from 'vitest';
import { ConfigError } from './config-error.ts';
import { parseConfig } from './parse-config.ts';

function problemsOf(issuer: object): readonly string[] {
  try {
    parseConfig({ issuers: [issuer] }, {});
    return [];
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
}

test('parseConfig returns the issuer record of a provider that is given by name', () => {
  const auth0 = { provider: 'auth0', domain: 'tenant.eu.auth0.com', audience: 'https://api.example.com' };
  expect(parseConfig({ issuers: [auth0] }, {}).issuers).toMatchObject([
    {
      issuer: 'https://tenant.eu.auth0.com/',
      audiences: ['https://api.example.com'],
      clientClaims: ['azp', 'client_id'],
    },
  ]);
});

test.each<[string, object, RegExp]>([
  ['an unknown provider', { provider: 'auth1' }, /^issuers\.0\.provider: is not a known provider; known are auth0, /],
  ['a preset without a required option', { provider: 'auth0', domain: 'a.example' }, /^issuers\.0\.audience: /],
  [
    'an unknown option of a preset',
    { provider: 'google', clientIds: 'c', audience: 'a' },
    /^issuers\.0\.audience: is not a known field$/,
  ],
  [
    'a misspelt option of a preset by an option of this preset',
    { provider: 'auth0', domain: 'a.example', audiences: 'a' },
    /^issuers\.0\.audiences: is not a known field; did you mean `audience`\?$/,
  ],
  [
    'a misspelt field of a record by a field of a record',
    { issuer: 'https://id.example.com', audience: ['a'] },
    /^issuers\.0\.audience: is not a known field; did you mean `audiences`\?$/,
  ],
  [
    'a misspelt field inside an option of a preset',
    { provider: 'authgear', endpoint: 'https://p.authgear.cloud', resolver: { cacheSecond: 1 } },
    /^issuers\.0\.resolver\.cacheSecond: is not a known field; did you mean `cacheSeconds`\?$/,
  ],
  [
    'a field that only another kind of lookup has',
    {
      issuer: 'https://id.example.com',
      audiences: ['a'],
      resolver: { endpoint: 'https://p.example', headerPrefi: 'x-' },
    },
    /^issuers\.0\.resolver\.headerPrefi: is not a known field; did you mean `headerPrefix`\?$/,
  ],
  [
    'a preset whose options do not fit together',
    { provider: 'clerk', domain: 'clerk.example.com' },
    /^issuers\.0\.origins: is missing/,
  ],
  [
    'a replaced field of the record that is not valid',
    { provider: 'google', clientIds: 'c', record: { maxLifetimeSeconds: -1 } },
    /^issuers\.0\.maxLifetimeSeconds: /,
  ],
  [
    'a field of `dpop` in a replaced record that is not valid',
    { provider: 'google', clientIds: 'c', record: { dpop: { maxAgeSeconds: 301 } } },
    /^issuers\.0\.dpop\.maxAgeSeconds: /,
  ],
  ['a record without audiences', { issuer: 'https://id.example.com' }, /^issuers\.0\.audiences: is missing$/],
])('parseConfig reports %s by the path of the field', (_, issuer, message) => {
  expect(problemsOf(issuer)).toEqual([expect.stringMatching(message)]);
});
