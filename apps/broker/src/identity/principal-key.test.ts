import { expect, test } from 'vitest';
import { principalKey } from './principal-key.ts';

test('principalKey returns equal keys for equal principals and different keys for different ones', () => {
  const principals = [
    { issuer: 'https://a', subject: 'b' },
    { issuer: 'https://a","b', subject: '' },
    { issuer: 'https://a"', subject: ',"b' },
    { issuer: '', subject: 'https://ab' },
    { issuer: 'https://ab', subject: '' },
    { issuer: 'https://a', subject: 'B' },
  ];
  expect(new Set(principals.map(principalKey)).size).toBe(principals.length);
  expect(principalKey({ issuer: 'https://a', subject: 'b' })).toBe(principalKey({ subject: 'b', issuer: 'https://a' }));
});
