import { expect, test } from 'vitest';
import { assertInstalled } from './assert-installed.ts';

test('tells what is installed from what is not', () => {
  expect(() => assertInstalled('redis')).not.toThrow();
  const asking = () => assertInstalled('nobody-has-made-this');
  expect(asking).toThrow(TypeError);
  expect(asking).toThrow(
    'it is not installed: `npm install nobody-has-made-this`. In a bundle, give a `client` instead.',
  );
});
