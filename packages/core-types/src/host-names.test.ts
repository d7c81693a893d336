import { expect, test } from 'vitest';
import { isHostAllowed, isLoopbackOrigin } from './host-names.ts';

test.each<[string | undefined, boolean]>([
  [undefined, true],
  ['localhost', true],
  ['localhost:8790', true],
  ['app.localhost', true],
  ['127.0.0.1:8790', true],
  ['[::1]:8790', true],
  ['LOCALHOST.', true],
  ['sandbox:8790', true],
  ['10.0.0.7:8790', true],
  ['evil.example', false],
  ['localhost.evil.example', false],
  ['10.0.0.8', false],
  ['a:b:c', false],
  ['', false],
])('isHostAllowed returns for the host %j: %s', (host, expected) => {
  expect(isHostAllowed(host, '::ffff:10.0.0.7', ['Sandbox'])).toBe(expected);
});

test.each([
  ['http://localhost:3000', true],
  ['https://127.0.0.1', true],
  ['http://[::1]:5173', true],
  ['http://app.localhost:1', true],
  ['null', false],
  ['http://localhost.evil.example', false],
  ['http://xlocalhost', false],
  ['http://localhost:3000/', false],
  ['ftp://localhost', false],
  ['', false],
])('isLoopbackOrigin returns for the origin %j: %s', (origin, expected) => {
  expect(isLoopbackOrigin(origin)).toBe(expected);
});
