import { expect, test } from 'vitest';
import { isSameIdentifier } from './identifiers.ts';

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
