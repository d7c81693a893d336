import { expect, test } from 'vitest';
import { testProvider } from '../testing/provider-tests.ts';
import { firebase } from './firebase.ts';

const issuer = 'https://securetoken.google.com/my-project';

testProvider('firebase', {
  record: firebase({ projectId: 'my-project', tenants: ['tenant-1'] }),
  algorithm: 'RS256',
  claims: {
    iss: issuer,
    aud: 'my-project',
    auth_time: 1,
    user_id: 'u1',
    sub: 'u1',
    firebase: { identities: {}, sign_in_provider: 'password', tenant: 'tenant-1' },
  },
  accepted: [['the ID token of a person', {}, { issuer, subject: 'u1' }]],
  refused: [
    [
      "another project's token",
      { iss: 'https://securetoken.google.com/other', aud: 'other' },
      {},
      'unknown_issuer',
      'getIdToken()',
    ],
    [
      'a session cookie',
      { iss: 'https://session.firebase.google.com/my-project' },
      {},
      'unknown_issuer',
      'getIdToken()',
    ],
    ['a custom token', { iss: 'sa@my-project.iam.gserviceaccount.com' }, {}, 'unknown_issuer', 'Custom tokens'],
    [
      'the token of an anonymous user',
      { firebase: { sign_in_provider: 'anonymous', tenant: 'tenant-1' } },
      {},
      'anonymous_user',
      'set anonymous to true',
    ],
    [
      "another tenant's token",
      { firebase: { sign_in_provider: 'password', tenant: 'tenant-2' } },
      {},
      'missing_claim',
      'option tenants',
    ],
    ['a token of another kind', {}, { typ: 'at+jwt' }, 'wrong_token_type', 'getIdToken()'],
    [
      'a token that does not show whether its user is anonymous',
      { firebase: { tenant: 'tenant-1' } },
      {},
      'missing_claim',
      'getIdToken()',
    ],
  ],
});

test.each([
  ['123456789012', 'not its number or name'],
  ['My Project', 'not its number or name'],
  ['undefined', 'is not set'],
])('firebase: the project id %s is refused', (projectId, words) => {
  expect(() => firebase({ projectId })).toThrow(words);
});

test('firebase: anonymous users are accepted if the options say so', () => {
  expect(firebase({ projectId: 'my-project', anonymous: true }).anonymous).toEqual({ accepted: true });
});
