import { inspect } from 'node:util';
import { expect, test } from 'vitest';
import { errorTable, ValetKeyError } from './errors.ts';

test('ValetKeyError carries the status, title and remediation of its row in the error table', () => {
  const error = new ValetKeyError('vendor_timeout', 'Nabla did not respond.', {
    vendor: 'nabla',
    retryAfterSeconds: 2,
  });
  expect(error).toMatchObject({
    name: 'ValetKeyError',
    message: 'Nabla did not respond.',
    code: 'vendor_timeout',
    status: 504,
    retryable: true,
    vendor: 'nabla',
    retryAfterSeconds: 2,
    title: errorTable.vendor_timeout.title,
    remediation: errorTable.vendor_timeout.remediation,
  });
});

test('isInstance returns true for a ValetKeyError, also if another installed copy of the package created it, and false for other values', () => {
  const fromOtherCopy = Object.defineProperty(new Error('copy'), Symbol.for('valetkey.error'), { value: true });
  expect(ValetKeyError.isInstance(new ValetKeyError('internal', 'x'))).toBe(true);
  expect(ValetKeyError.isInstance(fromOtherCopy)).toBe(true);
  expect(ValetKeyError.isInstance(new Error('x'))).toBe(false);
  expect(ValetKeyError.isInstance(undefined)).toBe(false);
});

test('ValetKeyError without the option cause has no property cause', () => {
  const error = new ValetKeyError('vendor_unavailable', 'Nabla could not be reached.');
  expect(error.cause).toBeUndefined();
  expect(Object.hasOwn(error, 'cause')).toBe(false);
});

test('util.inspect of a ValetKeyError shows its reason', () => {
  const error = new ValetKeyError('vendor_unavailable', 'Nabla could not be reached.', { reason: 'ECONNREFUSED' });
  expect(inspect(error)).toContain('ECONNREFUSED');
});

test('ValetKeyError keeps its cause out of its enumerable fields', () => {
  const cause = { type: 'vendor_status', status: 401 } as const;
  const error = new ValetKeyError('vendor_auth_failed', "Nabla refused the broker's credentials.", { cause });
  expect(error.cause).toEqual(cause);
  expect(Object.keys(error)).not.toContain('cause');
});

test('only missing_token and invalid_token have the status 401', () => {
  const unauthorized = Object.entries(errorTable).filter(([, entry]) => entry.status === 401);
  expect(unauthorized.map(([code]) => code)).toEqual(['missing_token', 'invalid_token']);
});

test('every row of the error table has a code in snake case, a title, and a remediation that ends with a full stop', () => {
  for (const [code, { remediation, title }] of Object.entries(errorTable)) {
    expect(code).toMatch(/^[a-z_]+$/);
    expect(title.length).toBeGreaterThan(0);
    expect(remediation).toMatch(/\.$/);
  }
});
