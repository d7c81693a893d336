import { ValetKeyError } from '@valetkey/core-types';
import { expect, test } from 'vitest';
import { readAccessToken, readBearerToken } from './authorization-header.ts';

test.each([
  'Bearer abc.d-e_f.g',
  'bearer abc.d-e_f.g',
  'BEARER   abc.d-e_f.g',
  'Bearer abc.d-e_f.g ',
  ' Bearer abc.d-e_f.g',
  '\t Bearer abc.d-e_f.g \t',
])('readBearerToken reads the token of %j', (header) => {
  expect(readBearerToken(header)).toBe('abc.d-e_f.g');
});

test('readBearerToken accepts every character that a token may have', () => {
  expect(readBearerToken('Bearer aZ09-._~+/==')).toBe('aZ09-._~+/==');
});

test.each([
  undefined,
  '',
  'Basic dXNlcjpwYXNz',
  'Bearerabc',
  'Token abc',
  '\nBearer abc',
  '\u00a0Bearer abc',
  'DPoP abc',
])('readBearerToken throws missing_token for %j', (header) => {
  expect(() => readBearerToken(header)).toThrow(
    expect.objectContaining({ code: 'missing_token', message: 'The request carries no bearer token.' }),
  );
});

test.each([
  'Bearer',
  'Bearer ',
  'Bearer a b',
  'Bearer a, Bearer b',
  'Bearer "abc"',
  'Bearer a\tb',
  'Bearer\tabc',
  'Bearer \tabc',
  'Bearer \u00a0abc',
  'Bearer abc\r\n',
  'Bearer abc\n',
  'Bearer abc\v',
  'Bearer =',
  'Bearer a=b',
  'Bearer é',
  'DPoP',
])('readAccessToken throws invalid_request for %j', (header) => {
  expect(() => readAccessToken(header)).toThrow(
    expect.objectContaining({
      code: 'invalid_request',
      message: 'The Authorization header is not one scheme and one token.',
      remediation: expect.stringContaining('bare token'),
    }),
  );
});

test('the error of a malformed header does not quote the header', () => {
  expect(() => readBearerToken('Bearer canary canary')).not.toThrow(/canary/);
});

test('readAccessToken throws a ValetKeyError for a header of 50,000 spaces', () => {
  expect(() => readAccessToken(`Bearer${' '.repeat(50_000)}"`)).toThrow(ValetKeyError);
  expect(() => readAccessToken(`${' \t'.repeat(25_000)}Bearer${' \t'.repeat(25_000)}"`)).toThrow(ValetKeyError);
});

test('readAccessToken returns the scheme of the header, Bearer or DPoP', () => {
  expect(readAccessToken('dpop abc')).toEqual({ scheme: 'DPoP', token: 'abc' });
  expect(readAccessToken('Bearer abc')).toEqual({ scheme: 'Bearer', token: 'abc' });
});
