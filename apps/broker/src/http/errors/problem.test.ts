import { errorTable, problemSchema, ValetKeyError, type ErrorCode } from '@valetkey/core-types';
import { expect, test } from 'vitest';
import { toProblem, toValetKeyError } from './problem.ts';

test('toValetKeyError returns a ValetKeyError as it is', () => {
  const error = new ValetKeyError('forbidden', 'No.');
  expect(toValetKeyError(error)).toBe(error);
});

test.each([
  ['FST_ERR_CTP_BODY_TOO_LARGE', 'payload_too_large'],
  ['FST_ERR_CTP_INVALID_MEDIA_TYPE', 'unsupported_media_type'],
  ['FST_ERR_CTP_INVALID_CONTENT_LENGTH', 'invalid_request'],
  ['FST_ERR_BAD_URL', 'invalid_request'],
  ['FST_ERR_MAX_PARAM_LENGTH', 'not_found'],
])('toValetKeyError translates the fastify error %s into `%s`', (code, expected) => {
  const error = toValetKeyError(Object.assign(new Error('canary'), { code, statusCode: 500 }));
  expect(error.code).toBe(expected);
  expect(error.message).not.toContain('canary');
});

test('toValetKeyError translates any other 4xx error of fastify into `invalid_request` without its text', () => {
  for (const statusCode of [400, 414, 499]) {
    const error = toValetKeyError(Object.assign(new Error('canary'), { code: 'FST_ERR_OTHER', statusCode }));
    expect(error).toMatchObject({ code: 'invalid_request', message: 'The request cannot be read.' });
  }
});

test.each<[string, unknown]>([
  ['an error', new Error('canary')],
  ['an error with the status 500', Object.assign(new Error('canary'), { statusCode: 500 })],
  ['an error with a status below 400', Object.assign(new Error('canary'), { statusCode: 302 })],
  ['an error whose status is text', Object.assign(new Error('canary'), { statusCode: '404' })],
  ['an error whose code is a number', Object.assign(new Error('canary'), { code: 404 })],
  ['the code `__proto__`', Object.assign(new Error('canary'), { code: '__proto__' })],
  ['the code `constructor`', Object.assign(new Error('canary'), { code: 'constructor' })],
  [
    'an error with a getter that throws',
    Object.defineProperty(new Error('canary'), 'code', {
      get: () => {
        throw new Error('canary');
      },
    }),
  ],
  ['text', 'canary'],
  ['undefined', undefined],
  ['null', null],
])('toValetKeyError translates %s into `internal` without its text', (_, thrown) => {
  const error = toValetKeyError(thrown);
  expect(error).toMatchObject({ code: 'internal', message: 'The broker failed.' });
  expect(error.cause).toBeUndefined();
});

test.each(Object.keys(errorTable) as ErrorCode[])('toProblem encodes `%s` as its row of the error table', (code) => {
  const problem = toProblem(new ValetKeyError(code, 'What happened.'), { requestId: 'request-1' });
  expect(problemSchema.parse(problem)).toEqual({
    type: `/docs/errors#${code}`,
    title: errorTable[code].title,
    status: errorTable[code].status,
    code,
    detail: 'What happened.',
    remediation: errorTable[code].remediation,
    request_id: 'request-1',
  });
});

test('toProblem names the vendor and its connection, and leaves out reason, advice and cause', () => {
  const error = new ValetKeyError('vendor_rejected', 'Refused.', {
    vendor: 'acme',
    remediation: 'Do this.',
    reason: 'canary-reason',
    advice: 'canary-advice',
    cause: { type: 'vendor_status', status: 418 },
  });
  const problem = toProblem(error, { requestId: 'request-1', connection: 'acme-eu' });
  expect(problem).toMatchObject({ vendor: 'acme', connection: 'acme-eu', remediation: 'Do this.' });
  expect(JSON.stringify(problem)).not.toMatch(/canary|418/);
});

test('toProblem leaves out the connection name of the path if the error is about no vendor', () => {
  const error = new ValetKeyError('unknown_vendor', 'Unknown.');
  expect(toProblem(error, { requestId: 'request-1', connection: 'made-up' })).not.toHaveProperty('connection');
});
