import { ValetKeyError } from '@valetkey/core-types';
import { describe, expect, test } from 'vitest';
import { readAccessToken, readBearerToken } from './authorization-header.ts';
import { wwwAuthenticate } from './challenge.ts';

describe('readBearerToken', () => {
  test.each(['Bearer abc.d-e_f.g', 'bearer abc.d-e_f.g', 'BEARER   abc.d-e_f.g', 'Bearer abc.d-e_f.g '])(
    'reads %j',
    (header) => {
      expect(readBearerToken(header)).toBe('abc.d-e_f.g');
    },
  );

  test('reads the whole alphabet of tokens', () => {
    expect(readBearerToken('Bearer aZ09-._~+/==')).toBe('aZ09-._~+/==');
  });

  test.each([undefined, '', 'Basic dXNlcjpwYXNz', 'Bearerabc', 'Token abc', ' Bearer abc', 'DPoP abc'])(
    'finds no token in %j',
    (header) => {
      expect(() => readBearerToken(header)).toThrow(
        expect.objectContaining({ code: 'missing_token', message: 'The request carries no bearer token.' }),
      );
    },
  );

  test.each([
    'Bearer',
    'Bearer ',
    'Bearer a b',
    'Bearer a, Bearer b',
    'Bearer "abc"',
    'Bearer a\tb',
    'Bearer =',
    'Bearer a=b',
    'Bearer é',
    'DPoP',
  ])('refuses %j as not well formed', (header) => {
    expect(() => readAccessToken(header)).toThrow(
      expect.objectContaining({
        code: 'invalid_request',
        message: 'The Authorization header is not one scheme and one token.',
        remediation: expect.stringContaining('bare token'),
      }),
    );
  });

  test('never quotes the header', () => {
    expect(() => readBearerToken('Bearer canary canary')).not.toThrow(/canary/);
  });

  test('takes no longer for many spaces', () => {
    expect(() => readAccessToken(`Bearer${' '.repeat(50_000)}"`)).toThrow(ValetKeyError);
  });
});

test('readAccessToken tells the schemes apart', () => {
  expect(readAccessToken('dpop abc')).toEqual({ scheme: 'DPoP', token: 'abc' });
  expect(readAccessToken('Bearer abc')).toEqual({ scheme: 'Bearer', token: 'abc' });
});

describe('wwwAuthenticate', () => {
  test('is bare where no token was sent', () => {
    expect(wwwAuthenticate(new ValetKeyError('missing_token', 'x'))).toBe('Bearer');
  });

  test.each([
    ['invalid_token', 'Bearer error="invalid_token", error_description="No."'],
    ['invalid_request', 'Bearer error="invalid_request", error_description="No."'],
    ['forbidden', 'Bearer error="insufficient_scope", error_description="No."'],
    ['user_blocked', 'Bearer error="insufficient_scope", error_description="No."'],
    ['identity_unavailable', undefined],
    ['vendor_timeout', undefined],
  ] as const)('for %s is %s', (code, challenge) => {
    expect(wwwAuthenticate(new ValetKeyError(code, 'No.'))).toBe(challenge);
  });

  test('names the realm and the metadata', () => {
    const options = { realm: 'api', resourceMetadata: 'https://api.example.com/.well-known/oauth-protected-resource' };
    expect(wwwAuthenticate(new ValetKeyError('missing_token', 'x'), options)).toBe(
      'Bearer realm="api", resource_metadata="https://api.example.com/.well-known/oauth-protected-resource"',
    );
    expect(wwwAuthenticate(new ValetKeyError('invalid_token', 'No.'), { realm: 'api' })).toBe(
      'Bearer realm="api", error="invalid_token", error_description="No."',
    );
  });

  test.each(['invalid_dpop_proof', 'use_dpop_nonce'])('has the scheme DPoP for %s', (reason) => {
    expect(wwwAuthenticate(new ValetKeyError('invalid_token', 'No.', { reason }))).toBe(
      `DPoP error="${reason}", error_description="No."`,
    );
  });

  test('lets nothing out of its quotes', () => {
    expect(wwwAuthenticate(new ValetKeyError('invalid_token', 'a"b\\c\r\nd\u2028é'))).toBe(
      'Bearer error="invalid_token", error_description="abcd"',
    );
  });
});
