import { expect, test } from 'vitest';
import { assertInstalled } from './assert-installed.ts';

test('tells what is installed from what is not', () => {
  expect(() => assertInstalled('redis')).not.toThrow();
  const asking = () => assertInstalled('nobody-has-made-this');
  expect(asking).toThrow(TypeError);
  expect(asking).toThrow('cannot find it: `npm install nobody-has-made-this`, or, in a bundle, give a `client`.');
});
