import { expect, test } from 'vitest';
import { isHostAllowed, isLoopbackOrigin, isSameIdentifier, readClaim } from './foreign-names.ts';

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

const claims = {
  sub: 'c-1',
  client_id: 'c-1',
  'https://example.com/session': { id: 's' },
  firebase: { sign_in_provider: 'anonymous', 'a.b': { c: 1 } },
  a: 'text',
  'a.b': { c: 2 },
  nothing: null,
};

test.each([
  ['sub', 'c-1'],
  ['firebase.sign_in_provider', 'anonymous'],
  ['https://example.com/session.id', 's'],
  ['firebase.a.b.c', 1],
  ['a.b.c', 2],
  ['a.c', undefined],
  ['toString', undefined],
  ['firebase.constructor', undefined],
  ['absent.path', undefined],
])('readClaim of %s returns %j', (path, value) => {
  expect(readClaim(claims, path)).toEqual(value);
});

const lower = '0f9b1c2d-3e4f-4a5b-8c6d-7e8f9a0b1c2d';
const upper = lower.toUpperCase();

test.each<[unknown, unknown, boolean]>([
  [lower, lower, true],
  [lower, upper, true],
  [upper, lower, true],
  [lower, lower.replace('0f', '1f'), false],
  [lower, `{${upper}}`, false],
  [lower, lower.replaceAll('-', ''), false],
  [lower, `${upper} `, false],
  ['Alice', 'Alice', true],
  ['Alice', 'alice', false],
  ['patient-AB', 'patient-ab', false],
  [`user-${lower}`, `user-${upper}`, false],
  [lower, undefined, false],
  [undefined, undefined, false],
  [7, 7, false],
  ['7', 7, false],
])('%j and %j are the same identifier: %s', (one, other, isSame) => {
  expect(isSameIdentifier(one, other)).toBe(isSame);
});
