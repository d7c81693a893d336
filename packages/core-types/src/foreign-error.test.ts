import { expect, test } from 'vitest';
import { ValetKeyError } from './errors.ts';
import { codeOfForeignError, describeForeignError } from './foreign-error.ts';

test.each([
  ['ECONNREFUSED', 'a system error', Object.assign(new Error('x'), { code: 'ECONNREFUSED' })],
  ['42P01', 'an SQLSTATE', { code: '42P01' }],
  [
    'ERR_SSL_SSL/TLS_ALERT_HANDSHAKE_FAILURE',
    'a code of OpenSSL with a slash',
    { code: 'ERR_SSL_SSL/TLS_ALERT_HANDSHAKE_FAILURE' },
  ],
  [
    'ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED',
    'a long code of OpenSSL',
    { code: 'ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED' },
  ],
  [undefined, 'a code with a slash that is not of OpenSSL', { code: 'AKIA/SECRET' }],
  [undefined, 'a code that is free text', { code: 'Bearer abc def' }],
  [undefined, 'a code that may be a secret', { code: 'sk_live_4f1c' }],
  [undefined, 'a code that is a number', { code: 13 }],
  [undefined, 'an error without a code', new Error('x')],
  [undefined, 'null', null],
  [undefined, 'a thrown text', 'ECONNREFUSED'],
])('codeOfForeignError returns %s for %s', (expected, _case, thrown) => {
  expect(codeOfForeignError(thrown)).toBe(expected);
});

test('describeForeignError leaves out the message, which may quote a secret', () => {
  const failure = Object.assign(new TypeError('invalid header value: CANARY\nsecond line CANARY'), { code: 'ERR_X' });
  const description = describeForeignError(failure);
  expect(description).toMatchObject({ name: 'TypeError', code: 'ERR_X' });
  expect(description.frames?.[0]).toMatch(/^at /);
  expect(JSON.stringify(description)).not.toContain('CANARY');
});

test('describeForeignError describes the causes of an error, and ends after three', () => {
  const inner = Object.assign(new Error('CANARY'), { code: 'ECONNRESET' });
  const loop = new Error('CANARY', { cause: inner });
  inner.cause = loop;
  const description = describeForeignError(new TypeError('CANARY', { cause: loop }));
  expect(description).toMatchObject({ name: 'TypeError', cause: { name: 'Error', cause: { code: 'ECONNRESET' } } });
  expect(description.cause?.cause?.cause).not.toHaveProperty('cause');
  expect(JSON.stringify(description)).not.toContain('CANARY');
});

test('describeForeignError leaves out every line of a message that was changed after the error was created', () => {
  const failure = new Error('first\nat CANARY (of the vendor)\nat CANARY');
  failure.message = 'changed';
  const { frames = [] } = describeForeignError(failure);
  expect(frames.length).toBeGreaterThan(0);
  expect(frames.join()).not.toContain('CANARY');
});

const throwing = (field: string) =>
  Object.defineProperty(new Error('CANARY'), field, {
    get: () => {
      throw new Error('CANARY');
    },
  });

test.each([
  ['a name that is free text', Object.assign(new Error('CANARY'), { name: 'CANARY text' })],
  ['a stack that is no text', Object.assign(new Error('CANARY'), { stack: ['CANARY'] })],
  ['a stack that is null', Object.assign(new Error('CANARY'), { stack: null })],
  ...['name', 'code', 'stack', 'message', 'cause'].map((field) => [
    `a getter \`${field}\` that throws`,
    throwing(field),
  ]),
])('describeForeignError describes an error with %s', (_case, failure) => {
  const description = describeForeignError(failure);
  expect(description.name).toBe('Error');
  expect(JSON.stringify(description)).not.toContain('CANARY');
});

test('describeForeignError describes a proxy that refuses every question', () => {
  const refuse = () => {
    throw new Error('CANARY');
  };
  const hostile = new Proxy(new Error('CANARY'), { get: refuse, has: refuse, getPrototypeOf: refuse });
  expect(describeForeignError(hostile)).toEqual({ name: 'object' });
  expect(codeOfForeignError(hostile)).toBeUndefined();
  expect(ValetKeyError.isInstance(hostile)).toBe(false);
});

test('describeForeignError returns only the type of a thrown value that is not an error', () => {
  expect(describeForeignError('CANARY')).toEqual({ name: 'string' });
});
