import { expect, test } from 'vitest';
import { Secret } from './secret.ts';
import { assertCacheable, assertExposable, type ClientToken, type ServerToken } from './tokens.ts';

const serverToken: ServerToken = { kind: 'server', vendor: 'nymbl', secret: new Secret('s') };
const accountToken: ClientToken<'account'> = { kind: 'client', bound: 'account', vendor: 'nudge', fields: {} };
const userToken: ClientToken<'user'> = { kind: 'client', bound: 'user', vendor: 'nabla', fields: {} };

test('assertCacheable refuses a user-bound token whose type was cast away', () => {
  expect(() => assertCacheable(serverToken)).not.toThrow();
  expect(() => assertCacheable(accountToken)).not.toThrow();
  expect(() => assertCacheable(userToken as never)).toThrow(TypeError);
  expect(() => assertCacheable({} as never)).toThrow(TypeError);
});

test('assertExposable refuses a server token whose type was cast away', () => {
  expect(() => assertExposable(userToken)).not.toThrow();
  expect(() => assertExposable(serverToken as never)).toThrow(TypeError);
});
