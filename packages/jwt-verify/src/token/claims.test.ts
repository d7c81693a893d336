import type { ClaimMark } from '@valetkey/core-types';
import { expect, test } from 'vitest';
import { describeMark, hasMark, isAcceptedValue } from './claims.ts';

const claims = {
  sub: 'c-1',
  client_id: 'c-1',
  'https://example.com/session': { id: 's' },
  firebase: { sign_in_provider: 'anonymous', 'a.b': { c: 1 } },
  a: 'text',
  'a.b': { c: 2 },
  nothing: null,
};

test.each<[unknown, 'any' | (string | boolean)[], boolean]>([
  ['a', ['a', 'b'], true],
  [['x', 'b'], ['a', 'b'], true],
  ['c', ['a'], false],
  ['true', [true], false],
  [{}, ['a'], false],
  [{}, 'any', true],
  [null, 'any', false],
  [undefined, 'any', false],
])('isAcceptedValue of %j among %j is %s', (value, accepted, expected) => {
  expect(isAcceptedValue(value, accepted)).toBe(expected);
});

test.each<[ClaimMark, boolean, string]>([
  [{ claim: 'sub' }, true, 'the claim sub'],
  [{ claim: 'x' }, false, 'the claim x'],
  [{ claim: 'x', absent: true }, true, 'no x'],
  [{ claim: 'sub', absent: true }, false, 'no sub'],
  [{ claim: 'nothing', absent: true }, true, 'no nothing'],
  [{ claim: 'sub', values: ['c-1', 'd'] }, true, 'the sub c-1 or d'],
  [{ claim: 'sub', startsWith: 'c-' }, true, 'a sub that starts with c-'],
  [{ claim: 'x', startsWith: 'c-' }, false, 'a x that starts with c-'],
  [{ claim: 'sub', endsWith: '-1' }, true, 'a sub that ends with -1'],
  [{ claim: 'firebase', endsWith: '-1' }, false, 'a firebase that ends with -1'],
  [{ claim: 'sub', sameAs: 'client_id' }, true, 'a sub that is also its client_id'],
  [{ claim: 'sub', sameAs: 'x' }, false, 'a sub that is also its x'],
  [{ claim: 'y', sameAs: 'x' }, false, 'a y that is also its x'],
])('hasMark of %j is %s, and describeMark says "%s"', (mark, expected, words) => {
  expect(hasMark(claims, mark)).toBe(expected);
  expect(describeMark(mark)).toBe(words);
});
