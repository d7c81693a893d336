import { expect, test } from 'vitest';
import { ConfigError } from './config-error.ts';
import { parseConfig } from './parse-config.ts';

const provider = { issuer: 'https://id.example.com', audiences: ['app'] };
const own = { ...provider, audiences: ['admin'] };
const require = { scope: 'operate' };

/** Returns the problems of a configuration with these operators. */
function problemsOf(operators: object, issuers: readonly object[] = [provider], more: object = {}): readonly string[] {
  try {
    parseConfig({ issuers, admin: { operators }, ...more });
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  return [];
}

test('parseConfig accepts operators of the identity provider of apps, of another one, and of a preset', () => {
  const preset = { provider: 'auth0', domain: 'acme.eu.auth0.com', audience: 'admin' };
  for (const issuer of [own, { ...own, issuer: 'https://staff.example.com' }, preset]) {
    expect(problemsOf({ issuer, require })).toEqual([]);
  }
});

test('parseConfig keeps operators and apps apart: each refuses a token that names an audience of the other', () => {
  const { issuers, admin } = parseConfig({ issuers: [provider], admin: { operators: { issuer: own, require } } });
  expect(issuers[0]?.forbiddenClaims).toEqual([{ claim: 'aud', values: ['admin'] }]);
  expect(admin.operators).toMatchObject({ issuer: { forbiddenClaims: [{ claim: 'aud', values: ['app'] }] } });
  expect(admin.operators).toMatchObject({ require, actorClaim: 'sub' });
});

const jwksUri = 'https://id.example.com/jwks';
const looksUp = { endpoint: 'https://id.example.com/introspect', clientId: 'a', clientSecret: 'b' };
const authgear = { vendors: { authgear: { endpoint: 'https://acme.authgear.cloud' } } };

test.each<[string, object, readonly object[], RegExp]>([
  ['without a condition', { issuer: own }, [provider], /^admin\.operators\.require: /],
  ['with an empty condition', { issuer: own, require: { all: [] } }, [provider], /^admin\.operators\.require/],
  [
    'with an unknown field',
    { issuer: own, require, actor: 'sub' },
    [provider],
    /^admin\.operators\.actor: is not a known/,
  ],
  [
    'with DPoP',
    { issuer: { ...own, dpop: {} }, require },
    [provider],
    /^admin\.operators\.issuer\.dpop: must be absent, because the admin API accepts only bearer tokens$/,
  ],
  [
    'with the audience of an app of the same issuer',
    { issuer: { ...own, audiences: ['admin', 'app'] }, require },
    [provider],
    /^admin\.operators\.issuer\.audiences: has an audience of apps/,
  ],
  [
    'with the audience of an app of another issuer',
    { issuer: { issuer: 'https://staff.example.com', audiences: ['app'] }, require },
    [provider],
    /^admin\.operators\.issuer\.audiences: has an audience of apps/,
  ],
  [
    'with the audience of an app whose opaque tokens are looked up',
    { issuer: { issuer: 'https://staff.example.com', audiences: ['app'] }, require },
    [{ ...provider, introspection: looksUp }],
    /^admin\.operators\.issuer\.audiences: has an audience of apps/,
  ],
  [
    'with the audience of an app in another spelling',
    { issuer: { ...own, audiences: ['6F9619FF-8B86-D011-B42D-00C04FC964FF'] }, require },
    [{ ...provider, audiences: ['6f9619ff-8b86-d011-b42d-00c04fc964ff'] }],
    /^admin\.operators\.issuer\.audiences: has an audience of apps/,
  ],
  [
    'without audiences',
    { issuer: { ...own, audiences: null, clientIds: ['a'] }, require },
    [provider],
    /audiences: must be a list/,
  ],
  [
    'of the issuer of an app without audiences',
    { issuer: own, require },
    [{ ...provider, audiences: null, clientIds: ['a'] }],
    /^admin\.operators\.issuer: .*`audiences` is null/,
  ],
  [
    'of a tenant of the issuer of an app without audiences',
    { issuer: { ...own, issuer: 'https://id.example.com/acme' }, require },
    [
      {
        ...provider,
        issuer: 'https://id.example.com/{tenant}',
        tenants: { accepted: 'any' },
        audiences: null,
        jwksUri,
      },
    ],
    /^admin\.operators\.issuer: .*`audiences` is null/,
  ],
  [
    'with another subject than at the same issuer for apps',
    { issuer: { ...own, subjectClaims: ['email'] }, require },
    [provider],
    /^admin\.operators\.issuer: .*same `issuer`, `subjectClaims`/,
  ],
  [
    'under another form of the issuer of apps',
    { issuer: { ...own, issuer: 'id.example.com', otherForms: ['https://id.example.com'], jwksUri }, require },
    [provider],
    /^admin\.operators\.issuer: .*same `issuer`, `subjectClaims`/,
  ],
  [
    'whose opaque tokens are looked up',
    { issuer: { ...own, introspection: looksUp }, require },
    [provider],
    /^admin\.operators\.issuer\.introspection: must be absent/,
  ],
  [
    'with logout tokens',
    { issuer: { ...own, backChannelLogout: { audiences: ['console'] } }, require },
    [provider],
    /^admin\.operators\.issuer\.backChannelLogout: has no effect here/,
  ],
  [
    'with a condition on another issuer',
    { issuer: own, require: { any: [require, { issuer: 'https://other.example.com' }] } },
    [provider],
    /^admin\.operators\.require\.any\.1\.issuer: is not one of https:\/\/id\.example\.com$/,
  ],
  [
    'whose keys are at an address that may not be called',
    { issuer: { ...own, jwksUri: 'https://169.254.169.254/jwks' }, require },
    [provider],
    /^admin\.operators\.issuer\.jwksUri: names a host that may not be called/,
  ],
])('parseConfig refuses operators %s', (_name, operators, issuers, problem) => {
  expect(problemsOf(operators, issuers)).toContainEqual(expect.stringMatching(problem));
});

test('parseConfig refuses operators with the audience of a vendor that signs users in', () => {
  const issuer = { issuer: 'https://acme.authgear.cloud', audiences: ['https://acme.authgear.cloud'] };
  expect(problemsOf({ issuer, require }, [], authgear)).toContainEqual(
    expect.stringMatching(/^admin\.operators\.issuer\.audiences: has an audience of apps/),
  );
});

test('parseConfig names the field of keys that cannot be used, and not their values', () => {
  const jwks = { keys: [{ kty: 'oct', k: 'canary' }] };
  const problems = problemsOf({ issuer: { ...own, jwks }, require });
  expect(problems.join()).toContain('admin.operators.issuer.jwks');
  expect(problems.join()).not.toContain('canary');
});
