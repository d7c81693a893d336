import { ValetKeyError } from '@valetkey/core-types';
import { expect, test } from 'vitest';
import { parseExchangeRequest, tokenExchangeGrant } from './exchange-request.ts';

const accessToken = 'urn:ietf:params:oauth:token-type:access_token';
const valid = {
  grant_type: tokenExchangeGrant,
  subject_token: 'canary-subject-token',
  subject_token_type: accessToken,
  audience: 'acme-eu',
};
type Fields = Readonly<Record<string, string | undefined>>;

/** Returns a valid form with these changes. A field that is undefined is left out, and `repeated` is added at the end. */
function formOf(changes: Fields = {}, repeated: readonly (readonly [string, string])[] = []): string {
  const fields: Fields = { ...valid, ...changes };
  const present = Object.entries(fields).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]]));
  return new URLSearchParams([...present, ...repeated] as [string, string][]).toString();
}

function refusalOf(form: unknown): ValetKeyError {
  try {
    parseExchangeRequest(form);
  } catch (error) {
    if (ValetKeyError.isInstance(error)) return error;
    throw error;
  }
  throw new Error('The form was accepted.');
}

test('parseExchangeRequest returns the token, the connection, the requested type and whether a scope is requested', () => {
  expect(parseExchangeRequest(formOf())).toEqual({
    subjectToken: 'canary-subject-token',
    connection: 'acme-eu',
    requestedTokenType: undefined,
    asksForScope: false,
  });
  expect(parseExchangeRequest(formOf({ requested_token_type: 'urn:acme', scope: 'rooms' }))).toMatchObject({
    requestedTokenType: 'urn:acme',
    asksForScope: true,
  });
});

test.each(['access_token', 'jwt', 'id_token'])('parseExchangeRequest accepts the subject token type %s', (name) => {
  const form = formOf({ subject_token_type: `urn:ietf:params:oauth:token-type:${name}` });
  expect(parseExchangeRequest(form).connection).toBe('acme-eu');
});

test('parseExchangeRequest ignores unknown parameters, a client id and a client secret', () => {
  const form = formOf({ client_id: 'app', client_secret: 'secret', __proto__: 'x', resource: '' });
  expect(parseExchangeRequest(form)).toEqual(parseExchangeRequest(formOf()));
});

test('parseExchangeRequest treats a parameter without a value as absent', () => {
  const form = formOf({ scope: '', requested_token_type: '', actor_token: '', actor_token_type: '' });
  expect(parseExchangeRequest(form)).toEqual(parseExchangeRequest(formOf()));
});

test.each(['grant_type', 'subject_token', 'subject_token_type', 'audience'])(
  'parseExchangeRequest rejects a form whose parameter %s is absent or empty',
  (name) => {
    for (const value of [undefined, '']) {
      const refusal = refusalOf(formOf({ [name]: value }));
      expect(refusal).toMatchObject({ code: 'invalid_request', message: `The parameter ${name} is missing.` });
    }
  },
);

test.each(['grant_type', 'subject_token', 'subject_token_type', 'requested_token_type', 'scope'])(
  'parseExchangeRequest rejects a form that repeats the parameter %s',
  (name) => {
    const refusal = refusalOf(
      formOf({ [name]: accessToken, ...(name === 'grant_type' && { [name]: tokenExchangeGrant }) }, [[name, 'other']]),
    );
    expect(refusal).toMatchObject({
      code: 'invalid_request',
      message: `The parameter ${name} is present more than once.`,
    });
  },
);

test('parseExchangeRequest rejects another grant type with the cause `unsupported_grant_type`', () => {
  const refusal = refusalOf(formOf({ grant_type: 'client_credentials' }));
  expect(refusal).toMatchObject({
    code: 'invalid_request',
    cause: { type: 'oauth_error', error: 'unsupported_grant_type' },
  });
});

test.each(['actor_token', 'actor_token_type'])(
  'parseExchangeRequest rejects the parameter %s as not supported',
  (name) => {
    expect(refusalOf(formOf({ [name]: 'x' }))).toMatchObject({
      code: 'invalid_request',
      message: `The parameter ${name} is not supported.`,
    });
  },
);

test.each(['urn:ietf:params:oauth:token-type:refresh_token', 'access_token', 'constructor'])(
  'parseExchangeRequest rejects the subject token type %s',
  (type) => {
    expect(refusalOf(formOf({ subject_token_type: type }))).toMatchObject({
      code: 'invalid_request',
      message: 'The type of the subject token is not supported.',
    });
  },
);

test.each<[string, Fields, (readonly [string, string])[]]>([
  ['two audiences', {}, [['audience', 'acme-us']]],
  ['an audience and an empty audience', {}, [['audience', '']]],
  ['a resource', { resource: 'https://api.acme.example' }, []],
  [
    'two resources',
    {},
    [
      ['resource', ''],
      ['resource', 'https://api.acme.example'],
    ],
  ],
  ['an audience of more than 100 characters', { audience: 'a'.repeat(101) }, []],
])('parseExchangeRequest rejects %s as `unknown_vendor`', (_, changes, repeated) => {
  expect(refusalOf(formOf(changes, repeated)).code).toBe('unknown_vendor');
});

test('parseExchangeRequest accepts an audience of 100 characters', () => {
  expect(parseExchangeRequest(formOf({ audience: 'a'.repeat(100) })).connection).toBe('a'.repeat(100));
});

test.each([undefined, null, 7, {}, { ...valid }, ''])(
  'parseExchangeRequest rejects %j, which is not a form',
  (form) => {
    expect(refusalOf(form)).toMatchObject({ code: 'invalid_request', message: 'The parameter grant_type is missing.' });
  },
);

test('parseExchangeRequest never quotes a value of the form', () => {
  for (const form of [
    formOf({ grant_type: 'canary' }),
    formOf({ subject_token_type: 'canary' }),
    formOf({ audience: undefined }),
  ]) {
    const { message, remediation } = refusalOf(form);
    expect(`${message} ${remediation}`).not.toContain('canary');
  }
});
