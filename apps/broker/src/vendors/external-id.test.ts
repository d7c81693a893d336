import { expect, test } from 'vitest';
import { externalIdOf } from './external-id.ts';

const alice = { issuer: 'https://id.example.com', subject: 'alice' };

test('externalIdOf returns different ids for principals whose issuers and subjects look alike', () => {
  const principals = [
    ['https://a', 'b'],
    ['https://a","b', ''],
    ['https://a', 'B'],
    ['https://a', 'b '],
    ['https://ab', ''],
    ['https://a', '\u00e9'],
    ['https://a', 'e\u0301'],
  ];
  expect(new Set(principals.map(([issuer = '', subject = '']) => externalIdOf({ issuer, subject }))).size).toBe(
    principals.length,
  );
});

test('externalIdOf returns for a principal an opaque id that is the same in every version of the broker', () => {
  // Vendors store this id: with another one, every principal would get a second vendor user.
  expect(externalIdOf(alice)).toBe('vk_CyZuEIazKSAWnoj0t_pVAhE8nD23mcB-c7XwJDtxj10');
  expect(externalIdOf({ ...alice })).toBe(externalIdOf(alice));
  expect(externalIdOf(alice)).toMatch(/^vk_[\w-]{43}$/);
});
