import { expect, test } from 'vitest';
import { principalKey } from './principal-key.ts';

test('principalKey returns one text for a person and different texts for any two people', () => {
  const people = [
    { issuer: 'https://a', subject: 'b' },
    { issuer: 'https://a","b', subject: '' },
    { issuer: 'https://a"', subject: ',"b' },
    { issuer: '', subject: 'https://ab' },
    { issuer: 'https://ab', subject: '' },
    { issuer: 'https://a', subject: 'B' },
  ];
  expect(new Set(people.map(principalKey)).size).toBe(people.length);
  expect(principalKey({ issuer: 'https://a', subject: 'b' })).toBe(principalKey({ subject: 'b', issuer: 'https://a' }));
});
