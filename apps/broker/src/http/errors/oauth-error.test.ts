import { errorTable, ValetKeyError, type ErrorCode } from '@valetkey/core-types';
import type { FastifyRequest } from 'fastify';
import { expect, test } from 'vitest';
import { oauthErrorFormat } from './oauth-error.ts';

const { statusOf, encode, challengeOf } = oauthErrorFormat;
const encodeError = (error: ValetKeyError) => encode(error, { requestId: 'request-1' }) as Record<string, string>;

/** The OAuth error and the HTTP status of each error code. */
const expected: Readonly<Record<ErrorCode, readonly [string, number]>> = {
  missing_token: ['invalid_request', 400],
  invalid_token: ['invalid_request', 400],
  invalid_request: ['invalid_request', 400],
  forbidden: ['invalid_target', 400],
  user_blocked: ['invalid_target', 400],
  unknown_vendor: ['invalid_target', 400],
  operation_not_supported: ['invalid_target', 400],
  vendor_user_not_found: ['invalid_target', 400],
  unsupported_media_type: ['invalid_request', 400],
  not_found: ['invalid_request', 404],
  method_not_allowed: ['invalid_request', 405],
  payload_too_large: ['invalid_request', 413],
  rate_limited: ['temporarily_unavailable', 429],
  internal: ['server_error', 500],
  vendor_auth_failed: ['server_error', 502],
  vendor_rejected: ['server_error', 502],
  vendor_response_invalid: ['server_error', 502],
  identity_unavailable: ['temporarily_unavailable', 503],
  vendor_unavailable: ['temporarily_unavailable', 503],
  vendor_rate_limited: ['temporarily_unavailable', 503],
  policy_unavailable: ['temporarily_unavailable', 503],
  overloaded: ['temporarily_unavailable', 503],
  vendor_timeout: ['temporarily_unavailable', 504],
};

test('the OAuth error format covers every code of the error table', () => {
  expect(Object.keys(expected).toSorted()).toEqual(Object.keys(errorTable).toSorted());
});

test.each(Object.entries(expected))('the OAuth error format encodes `%s` as %j', (code, [name, status]) => {
  const error = new ValetKeyError(code as ErrorCode, 'What happened.');
  expect(encodeError(error)).toMatchObject({ error: name, code, request_id: 'request-1' });
  expect(statusOf(error)).toBe(status);
  // A token endpoint does not authenticate its clients, so it sends no challenge.
  expect(challengeOf(error, { headers: {} } as FastifyRequest)).toBeUndefined();
});

test('the OAuth error format encodes an unsupported grant type as `unsupported_grant_type`', () => {
  const cause = { type: 'oauth_error', error: 'unsupported_grant_type' } as const;
  const error = new ValetKeyError('invalid_request', 'Another grant.', { cause });
  expect(encodeError(error)['error']).toBe('unsupported_grant_type');
});

test.each(['invalid_client', 'unauthorized_client', 'invalid_scope'] as const)(
  'the OAuth error format hides the error `%s` of a vendor’s token endpoint',
  (name) => {
    const cause = { type: 'oauth_error', error: name } as const;
    const error = new ValetKeyError('vendor_auth_failed', 'Refused.', { cause, reason: name, advice: 'canary' });
    expect(encodeError(error)['error']).toBe('server_error');
    expect(JSON.stringify(encodeError(error))).not.toMatch(new RegExp(`${name}|canary`));
  },
);

test('the OAuth error format replaces characters that RFC 6749 does not allow in a description', () => {
  const error = new ValetKeyError('forbidden', 'The scope "a\\b" is\nmissing – é.', { remediation: 'Ask “them”.' });
  const { error_description: description } = encodeError(error);
  expect(description).toMatch(/^[\x20\x21\x23-\x5b\x5d-\x7e]+$/);
  expect(description).toBe("The scope 'a?b' is?missing ? ?. Ask ?them?.");
});

test('the OAuth error format advises to send a form if the media type is not supported', () => {
  const error = new ValetKeyError('unsupported_media_type', 'Not supported.');
  expect(encodeError(error)['error_description']).toContain('application/x-www-form-urlencoded');
});
