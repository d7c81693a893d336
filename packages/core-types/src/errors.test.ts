import { inspect } from 'node:util';
import { expect, test } from 'vitest';
import { errorTable, ValetKeyError } from './errors.ts';

test('carries the answer of its row', () => {
  const error = new ValetKeyError('vendor_timeout', 'Nabla did not answer.', { vendor: 'nabla', retryAfterSeconds: 2 });
  expect(error).toMatchObject({
    name: 'ValetKeyError',
    message: 'Nabla did not answer.',
    code: 'vendor_timeout',
    status: 504,
    retryable: true,
    vendor: 'nabla',
    retryAfterSeconds: 2,
    remediation: errorTable.vendor_timeout.remediation,
  });
});

test('is recognised by its marker, over copies of the package', () => {
  const foreign = Object.defineProperty(new Error('copy'), Symbol.for('valetkey.error'), { value: true });
  expect(ValetKeyError.isInstance(new ValetKeyError('internal', 'x'))).toBe(true);
  expect(ValetKeyError.isInstance(foreign)).toBe(true);
  expect(ValetKeyError.isInstance(new Error('x'))).toBe(false);
  expect(ValetKeyError.isInstance(undefined)).toBe(false);
});

test('has no room for a foreign error', () => {
  const error = new ValetKeyError('vendor_unavailable', 'Nabla could not be reached.', { reason: 'ECONNREFUSED' });
  expect(error.cause).toBeUndefined();
  expect(inspect(error)).toContain('ECONNREFUSED');
});

test('says 401 about the caller alone', () => {
  const unauthorized = Object.entries(errorTable).filter(([, entry]) => entry.status === 401);
  expect(unauthorized.map(([code]) => code)).toEqual(['missing_token', 'invalid_token']);
});

test('every row tells the reader what to do', () => {
  for (const [code, { remediation, title }] of Object.entries(errorTable)) {
    expect(code).toMatch(/^[a-z_]+$/);
    expect(title.length).toBeGreaterThan(0);
    expect(remediation).toMatch(/\.$/);
  }
});
