import type { FastifyRequest } from 'fastify';
import { expect, test } from 'vitest';
import { readBearerCredentials } from '../request-rules.ts';
import { readCredentialsOfGet, refuseParametersOfGet } from './get-token.ts';

function readTokenOf(authorization: string | undefined): string {
  return readCredentialsOfGet({ headers: { authorization } } as FastifyRequest, readBearerCredentials).token;
}

test.each(['abc.d-e_f.g', ' abc.d-e_f.g \t', 'Bearer abc.d-e_f.g', 'bearer abc.d-e_f.g'])(
  'readCredentialsOfGet reads the token of %j',
  (header) => {
    expect(readTokenOf(header)).toBe('abc.d-e_f.g');
  },
);

test.each(['aZ09-._~+/==', 'opaque', 'Bearer.abc', 'bearerabc', 'dpop-abc'])(
  'readCredentialsOfGet accepts the opaque token %j without a scheme',
  (header) => {
    expect(readTokenOf(header)).toBe(header);
  },
);

const refused = [
  [undefined, 'missing_token'],
  ['', 'missing_token'],
  [' ', 'missing_token'],
  ['=', 'missing_token'],
  ['a=b', 'missing_token'],
  ['"abc"', 'missing_token'],
  ["'abc'", 'missing_token'],
  ['<abc>', 'missing_token'],
  ['abc,abc', 'missing_token'],
  ['abc, abc', 'missing_token'],
  ['abc def', 'missing_token'],
  ['abc\tdef', 'missing_token'],
  ['abc Bearer', 'missing_token'],
  ['abc, Bearer abc', 'missing_token'],
  ['abc;q=1', 'missing_token'],
  ['a:b', 'missing_token'],
  ['%61bc', 'missing_token'],
  ['é', 'missing_token'],
  ['abc\u00a0', 'missing_token'],
  ['abc\n', 'missing_token'],
  ['abc\r\nx: y', 'missing_token'],
  ['abc\0', 'missing_token'],
  ['Token abc', 'missing_token'],
  ['Basic dXNlcjpwYXNz', 'missing_token'],
  ['DPoP abc', 'missing_token'],
  ['Bearer', 'invalid_request'],
  ['bEARER ', 'invalid_request'],
  ['DPoP', 'invalid_request'],
  ['Bearer a b', 'invalid_request'],
  ['Bearer "abc"', 'invalid_request'],
  ['Bearer Bearer abc', 'invalid_request'],
  ['Bearer abc, abc', 'invalid_request'],
] as const;

test.each(refused)('readCredentialsOfGet refuses %j with %s', (header, code) => {
  expect(() => readTokenOf(header)).toThrow(expect.objectContaining({ code }));
});

test('readCredentialsOfGet refuses a header of 16 KiB that is no token', () => {
  const header = `${' \t'.repeat(4_000)}${'a='.repeat(4_000)}`;
  expect(() => readTokenOf(header)).toThrow(expect.objectContaining({ code: 'missing_token' }));
});

const refuse = (url: string, headers: object) =>
  refuseParametersOfGet({ url, raw: { headers } } as unknown as FastifyRequest);

test.each([
  ['/v1/vendors/nudge/token', {}],
  ['/v1/vendors/nudge/token?', {}],
  ['/v1/vendors/nudge/token', { 'content-length': '0' }],
])('refuseParametersOfGet accepts %s with the headers %j', (url, headers) => {
  expect(() => refuse(url, headers)).not.toThrow();
});

test.each([
  ['/v1/vendors/nudge/token?expiry_minutes=5', {}],
  ['/v1/vendors/nudge/token?&', {}],
  ['/v1/vendors/nudge/token', { 'content-length': '2' }],
  ['/v1/vendors/nudge/token', { 'transfer-encoding': 'chunked' }],
])('refuseParametersOfGet refuses %s with the headers %j', (url, headers) => {
  expect(() => refuse(url, headers)).toThrow(expect.objectContaining({ code: 'invalid_request' }));
});
