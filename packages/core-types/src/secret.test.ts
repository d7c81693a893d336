import { inspect } from 'node:util';
import { describe, expect, test } from 'vitest';
import { Secret } from './secret.ts';
import { secretSchema, secretSlotsSchema } from './secret-schema.ts';

describe('Secret', () => {
  const canary = 'canary-5f2b';
  const secret = new Secret(canary);

  test('gives its text to reveal() alone', () => {
    expect(secret.reveal()).toBe(canary);
  });

  test.each([
    ['String', String(secret)],
    ['a template', `${secret}`],
    ['JSON', JSON.stringify({ secret })],
    ['inspect', inspect({ secret }, { showHidden: true, depth: null })],
    ['its own keys', JSON.stringify(Reflect.ownKeys(secret))],
    ['a spread', JSON.stringify({ ...secret })],
  ])('does not show it in %s', (_, text) => {
    expect(text).not.toContain(canary);
  });

  test('refuses to be empty', () => {
    expect(() => new Secret('')).toThrow(TypeError);
  });
});

describe('secretSchema', () => {
  test('cuts the newline of a file off', () => {
    expect(secretSchema.parse(' key\n').reveal()).toBe('key');
  });

  test.each(['', '  '])('refuses %j', (text) => {
    expect(secretSchema.safeParse(text).success).toBe(false);
  });

  test.each(['two words', 'line\nbreak', 'schlüssel'])('refuses %j without quoting it', (text) => {
    const { success, error } = secretSchema.safeParse(text);
    expect(success).toBe(false);
    expect(JSON.stringify(error)).not.toContain(text);
  });

  test('a pair of slots is one secret, or the current and the next', () => {
    expect(secretSlotsSchema.parse('a').current.reveal()).toBe('a');
    expect(secretSlotsSchema.parse({ current: 'a', next: 'b' }).next?.reveal()).toBe('b');
    expect(secretSlotsSchema.safeParse({ current: 'a', previous: 'b' }).success).toBe(false);
  });
});
