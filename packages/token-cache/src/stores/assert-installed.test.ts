import { expect, test } from 'vitest';
import { assertInstalled } from './assert-installed.ts';

test('assertInstalled accepts an installed package and throws a TypeError for a package that is not installed', () => {
  expect(() => assertInstalled('redis')).not.toThrow();
  const check = () => assertInstalled('package-that-does-not-exist');
  expect(check).toThrow(TypeError);
  expect(check).toThrow('`npm install package-that-does-not-exist`; in a bundle, pass a `client` instead.');
});
