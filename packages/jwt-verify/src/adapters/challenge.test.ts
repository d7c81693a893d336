import { ValetKeyError } from '@valetkey/core-types';
import { expect, test } from 'vitest';
import { wwwAuthenticate } from './challenge.ts';

test('the challenge for missing_token is the scheme alone', () => {
  expect(wwwAuthenticate(new ValetKeyError('missing_token', 'x'))).toBe('Bearer');
});

test.each([
  ['invalid_token', 'Bearer error="invalid_token", error_description="No."'],
  ['invalid_request', 'Bearer error="invalid_request", error_description="No."'],
  ['forbidden', 'Bearer error="insufficient_scope", error_description="No."'],
  ['user_blocked', 'Bearer error="insufficient_scope", error_description="No."'],
  ['identity_unavailable', undefined],
  ['vendor_timeout', undefined],
] as const)('the challenge for the error %s is %s', (code, challenge) => {
  expect(wwwAuthenticate(new ValetKeyError(code, 'No.'))).toBe(challenge);
});

test('the challenge contains the realm and the URL of the resource metadata', () => {
  const options = { realm: 'api', resourceMetadata: 'https://api.example.com/.well-known/oauth-protected-resource' };
  expect(wwwAuthenticate(new ValetKeyError('missing_token', 'x'), options)).toBe(
    'Bearer realm="api", resource_metadata="https://api.example.com/.well-known/oauth-protected-resource"',
  );
  expect(wwwAuthenticate(new ValetKeyError('invalid_token', 'No.'), { realm: 'api' })).toBe(
    'Bearer realm="api", error="invalid_token", error_description="No."',
  );
});

test.each(['invalid_dpop_proof', 'use_dpop_nonce'] as const)(
  'the challenge for an error with the DPoP cause %s has the scheme DPoP',
  (error) => {
    const cause = { type: 'dpop', error } as const;
    expect(wwwAuthenticate(new ValetKeyError('invalid_token', 'No.', { reason: 'any', cause }))).toBe(
      `DPoP error="${error}", error_description="No."`,
    );
  },
);

test('the reason of an error does not change its challenge', () => {
  const error = new ValetKeyError('invalid_token', 'No.', { reason: 'use_dpop_nonce' });
  expect(wwwAuthenticate(error)).toBe('Bearer error="invalid_token", error_description="No."');
});

test('the challenge leaves out quotes, backslashes, control characters and non-ASCII characters of a message', () => {
  expect(wwwAuthenticate(new ValetKeyError('invalid_token', 'a"b\\c\r\nd\u2028é'))).toBe(
    'Bearer error="invalid_token", error_description="abcd"',
  );
});

const dpop = { algorithms: ['ES256', 'EdDSA'], required: false, nonceRequired: false };

test('the challenge for missing_token offers both schemes, and DPoP alone if every issuer requires bound tokens', () => {
  const error = new ValetKeyError('missing_token', 'x');
  expect(wwwAuthenticate(error, { dpop })).toBe('Bearer, DPoP algs="ES256 EdDSA"');
  expect(wwwAuthenticate(error, { dpop: { ...dpop, required: true }, realm: 'api' })).toBe(
    'DPoP realm="api", algs="ES256 EdDSA"',
  );
});

test('the error is in the challenge of the scheme that the request used, and a DPoP request gets no other challenge', () => {
  const error = new ValetKeyError('invalid_token', 'No.');
  const text = 'error="invalid_token", error_description="No."';
  expect(wwwAuthenticate(error, { dpop, scheme: 'Bearer' })).toBe(`Bearer ${text}, DPoP algs="ES256 EdDSA"`);
  expect(wwwAuthenticate(error, { dpop, scheme: 'DPoP' })).toBe(`DPoP ${text}, algs="ES256 EdDSA"`);
});

test('the challenge for a DPoP cause has only the scheme DPoP, whatever scheme the request used', () => {
  const error = new ValetKeyError('invalid_token', 'No.', { cause: { type: 'dpop', error: 'invalid_token' } });
  const options = { dpop, resourceMetadata: 'https://api.example.com/metadata' };
  expect(wwwAuthenticate(error, options)).toBe(
    'DPoP error="invalid_token", error_description="No.", algs="ES256 EdDSA", resource_metadata="https://api.example.com/metadata"',
  );
});
