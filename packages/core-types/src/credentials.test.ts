import { inspect } from 'node:util';
import { describe, expect, test } from 'vitest';
import { assertCacheable, assertExposable, Secret, type ClientToken, type ServerToken } from './credentials.ts';
import { secretSchema, secretSlotsSchema } from './secret-schema.ts';

describe('Secret', () => {
  const canary = 'canary-5f2b';
  const secret = new Secret(canary);

  test('reveal() returns the text of a Secret', () => {
    expect(secret.reveal()).toBe(canary);
  });

  test.each([
    ['String', String(secret)],
    ['a template literal', `${secret}`],
    ['JSON.stringify', JSON.stringify({ secret })],
    ['inspect', inspect({ secret }, { showHidden: true, depth: null })],
    ['Reflect.ownKeys', JSON.stringify(Reflect.ownKeys(secret))],
    ['a spread', JSON.stringify({ ...secret })],
  ])('%s does not show the text of a Secret', (_, text) => {
    expect(text).not.toContain(canary);
  });

  test('new Secret throws a TypeError for an empty text', () => {
    expect(() => new Secret('')).toThrow(TypeError);
  });
});

describe('secretSchema', () => {
  test('secretSchema removes white space at the ends', () => {
    expect(secretSchema.parse(' key\n').reveal()).toBe('key');
  });

  test.each(['', '  '])('secretSchema refuses %j', (text) => {
    expect(secretSchema.safeParse(text).success).toBe(false);
  });

  test.each(['two words', 'line\nbreak', 'schlüssel'])('secretSchema refuses %j without quoting it', (text) => {
    const { success, error } = secretSchema.safeParse(text);
    expect(success).toBe(false);
    expect(JSON.stringify(error)).not.toContain(text);
  });

  test('secretSlotsSchema accepts one secret, or a current and a next secret, and refuses other fields', () => {
    expect(secretSlotsSchema.parse('a').current.reveal()).toBe('a');
    expect(secretSlotsSchema.parse({ current: 'a', next: 'b' }).next?.reveal()).toBe('b');
    expect(secretSlotsSchema.safeParse({ current: 'a', previous: 'b' }).success).toBe(false);
  });
});

const serverToken: ServerToken = { kind: 'server', vendor: 'nymbl', secret: new Secret('s') };
const accountToken: ClientToken<'account'> = { kind: 'client', bound: 'account', vendor: 'nudge', fields: {} };
const userToken: ClientToken<'user'> = { kind: 'client', bound: 'user', vendor: 'nabla', fields: {} };

test('assertCacheable accepts server tokens and account-bound client tokens, and throws for any other value', () => {
  expect(() => assertCacheable(serverToken)).not.toThrow();
  expect(() => assertCacheable(accountToken)).not.toThrow();
  expect(() => assertCacheable(userToken as never)).toThrow(TypeError);
  expect(() => assertCacheable({} as never)).toThrow(TypeError);
});

test('assertExposable accepts client tokens, and throws for a server token', () => {
  expect(() => assertExposable(userToken)).not.toThrow();
  expect(() => assertExposable(serverToken as never)).toThrow(TypeError);
});
