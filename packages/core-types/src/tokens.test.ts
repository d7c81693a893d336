import { expect, test } from 'vitest';
import { Secret } from './secret.ts';
import { assertCacheable, assertExposable, type ClientToken, type ServerToken } from './tokens.ts';

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
