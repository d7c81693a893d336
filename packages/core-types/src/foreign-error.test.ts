import { expect, test } from 'vitest';
import { codeOfForeignError, describeForeignError } from './foreign-error.ts';

test.each([
  ['ECONNREFUSED', 'a system error', Object.assign(new Error('x'), { code: 'ECONNREFUSED' })],
  ['42P01', 'an SQLSTATE', { code: '42P01' }],
  [undefined, 'a code that is free text', { code: 'Bearer abc def' }],
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

test('describeForeignError returns only the type of a thrown value that is not an error', () => {
  expect(describeForeignError('CANARY')).toEqual({ name: 'string' });
});
