import { expect, test } from 'vitest';
import { readClaim } from './read-claim.ts';

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
