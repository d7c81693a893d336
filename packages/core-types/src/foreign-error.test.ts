import { expect, test } from 'vitest';
import { codeOfForeignError, describeForeignError } from './foreign-error.ts';

test.each([
  ['a system error', Object.assign(new Error('x'), { code: 'ECONNREFUSED' }), 'ECONNREFUSED'],
  ['an SQLSTATE', { code: '42P01' }, '42P01'],
  ['a code that is text of a stranger', { code: 'Bearer abc def' }, undefined],
  ['a numeric code', { code: 13 }, undefined],
  ['an error without a code', new Error('x'), undefined],
  ['nothing', null, undefined],
  ['a thrown text', 'ECONNREFUSED', undefined],
])('codeOfForeignError reads %s', (_case, thrown, expected) => {
  expect(codeOfForeignError(thrown)).toBe(expected);
});

test('describeForeignError leaves out the message, which may quote a secret', () => {
  const failure = Object.assign(new TypeError('invalid header value: CANARY\nsecond line CANARY'), { code: 'ERR_X' });
  const description = describeForeignError(failure);
  expect(description).toMatchObject({ name: 'TypeError', code: 'ERR_X' });
  expect(description.frames?.[0]).toMatch(/^at /);
  expect(JSON.stringify(description)).not.toContain('CANARY');
});

test('describeForeignError names the type of a thrown value that is no error', () => {
  expect(describeForeignError('CANARY')).toEqual({ name: 'string' });
});
