import { expect, test } from 'vitest';
import { VendorSetupError } from './vendor-setup-error.ts';

test('VendorSetupError is a TypeError that isInstance recognizes', () => {
  const error = new VendorSetupError('Acme cannot be set up.');
  expect(error).toBeInstanceOf(TypeError);
  expect(error).toMatchObject({ name: 'VendorSetupError', message: 'Acme cannot be set up.' });
  expect(VendorSetupError.isInstance(error)).toBe(true);
});

test('isInstance refuses every other value, also one that throws when it is examined', () => {
  const hostile = new Proxy(
    {},
    {
      has() {
        throw new Error('no');
      },
    },
  );
  for (const value of [new TypeError('x'), { name: 'VendorSetupError' }, null, 'x', hostile]) {
    expect(VendorSetupError.isInstance(value)).toBe(false);
  }
});
