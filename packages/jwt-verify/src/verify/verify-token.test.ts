import { expect, test } from 'vitest';
import type { VerifiedToken } from './verification.ts';
import { createVerifiedTokens } from './verify-token.ts';

function verified(subject: string): VerifiedToken {
  return { principal: { issuer: 'i', subject, scopes: [], claims: {} } } as unknown as VerifiedToken;
}

test('the memory of verified tokens finds a token only by its whole text', () => {
  const tokens = createVerifiedTokens(10, 1_000_000);
  const entry = verified('alice');
  tokens.set('token', entry);
  expect(tokens.get('token')).toBe(entry);
  expect(tokens.get('toke')).toBeUndefined();
  expect(tokens.get('token ')).toBeUndefined();
});

test('the memory of verified tokens never holds more than maxEntries', () => {
  const tokens = createVerifiedTokens(10, 1_000_000);
  for (let index = 0; index < 1000; index += 1) {
    tokens.set(`token-${index}`, verified('a'));
    expect(tokens.size()).toBeLessThanOrEqual(10);
  }
  expect(tokens.size()).toBeGreaterThanOrEqual(5);
  expect(tokens.get('token-999')).toBeDefined();
  expect(tokens.get('token-0')).toBeUndefined();
});

test('the memory of verified tokens never holds more than maxBytes, counting 1500 bytes per token and three per character', () => {
  const tokens = createVerifiedTokens(1000, 2 * 10 * (1500 + 3 * 100));
  for (let index = 0; index < 100; index += 1) tokens.set(`${index}`.padStart(100, 'x'), verified('a'));
  expect(tokens.size()).toBe(20);
});

test('the memory of verified tokens ignores a token that needs more than half of maxBytes, and keeps the others', () => {
  const tokens = createVerifiedTokens(1000, 10_000);
  const entry = verified('alice');
  tokens.set('token', entry);
  tokens.set('x'.repeat(10_000), verified('large'));
  expect(tokens.get('x'.repeat(10_000))).toBeUndefined();
  expect(tokens.get('token')).toBe(entry);
});

test('the memory of verified tokens keeps a token that is used, and drops a token that is not', () => {
  const tokens = createVerifiedTokens(20, 1_000_000);
  tokens.set('kept', verified('kept'));
  tokens.set('dropped', verified('dropped'));
  for (let index = 0; index < 200; index += 1) {
    tokens.set(`other-${index}`, verified('a'));
    expect(tokens.get('kept')).toBeDefined();
  }
  expect(tokens.get('dropped')).toBeUndefined();
});

test('the memory of verified tokens holds nothing if it has no room for two tokens', () => {
  for (const [maxEntries, maxBytes] of [
    [1, 1_000_000],
    [0, 0],
    [10, 10],
  ] as const) {
    const tokens = createVerifiedTokens(maxEntries, maxBytes);
    tokens.set('token', verified('a'));
    expect(tokens.get('token')).toBeUndefined();
  }
});

test('deleteWhere() forgets the matching tokens of both generations', () => {
  const tokens = createVerifiedTokens(4, 1_000_000);
  for (const name of ['a', 'b', 'c', 'd']) tokens.set(name, verified(name));
  tokens.deleteWhere(({ principal }, token) => principal.subject === 'a' || token === 'd');
  expect(['a', 'b', 'c', 'd'].filter((name) => tokens.get(name) !== undefined)).toEqual(['b', 'c']);
});
