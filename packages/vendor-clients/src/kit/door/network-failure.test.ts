import { ValetKeyError } from '@valetkey/core-types';
import { inspect } from 'node:util';
import { errors } from 'undici';
import { expect, test } from 'vitest';
import { describeNetworkFailure } from './network-failure.ts';

const vendor = { id: 'acme', title: 'Acme' };

test.each([
  [new errors.ConnectTimeoutError('SECRET'), 'vendor_timeout', 'UND_ERR_CONNECT_TIMEOUT'],
  [new errors.HTTPParserError('SECRET'), 'vendor_response_invalid', 'HTTP_PARSER'],
  [new errors.HeadersOverflowError('SECRET'), 'vendor_response_invalid', 'UND_ERR_HEADERS_OVERFLOW'],
  [new errors.InvalidArgumentError('SECRET'), 'invalid_request', 'UND_ERR_INVALID_ARG'],
  [new errors.RequestContentLengthMismatchError('SECRET'), 'invalid_request', 'UND_ERR_REQ_CONTENT_LENGTH_MISMATCH'],
  [new errors.SocketError('SECRET'), 'vendor_unavailable', 'UND_ERR_SOCKET'],
  [Object.assign(new Error('SECRET'), { code: 'ECONNRESET' }), 'vendor_unavailable', 'ECONNRESET'],
  [new Error('SECRET'), 'vendor_unavailable', 'network'],
  ['SECRET', 'vendor_unavailable', 'network'],
] as const)('the network failure %s becomes %s with the reason %s, without its message', (failure, code, reason) => {
  const described = describeNetworkFailure(failure, vendor);
  expect(described).toMatchObject({ code, reason, vendor: 'acme' });
  expect(inspect(described, { depth: 9, showHidden: true })).not.toContain('SECRET');
});

test('a ValetKeyError is returned unchanged', () => {
  const failure = new ValetKeyError('payload_too_large', 'no');
  expect(describeNetworkFailure(failure, vendor)).toBe(failure);
});
