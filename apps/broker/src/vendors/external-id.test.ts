import { expect, test } from 'vitest';
import { externalIdOf } from './external-id.ts';

const alice = { issuer: 'https://id.example.com', subject: 'alice' };

test('externalIdOf returns different ids for people whose names only look alike', () => {
  const people = [
    ['https://a', 'b'],
    ['https://a","b', ''],
    ['https://a', 'B'],
    ['https://a', 'b '],
    ['https://ab', ''],
    ['https://a', '\u00e9'],
    ['https://a', 'e\u0301'],
  ];
  expect(new Set(people.map(([issuer = '', subject = '']) => externalIdOf({ issuer, subject }))).size).toBe(
    people.length,
  );
});

test('externalIdOf returns an opaque id that never changes for a person', () => {
  // Vendors keep this id: another one would give every person a second vendor user.
  expect(externalIdOf(alice)).toBe('vk_CyZuEIazKSAWnoj0t_pVAhE8nD23mcB-c7XwJDtxj10');
  expect(externalIdOf({ ...alice })).toBe(externalIdOf(alice));
  expect(externalIdOf(alice)).toMatch(/^vk_[\w-]{43}$/);
});
