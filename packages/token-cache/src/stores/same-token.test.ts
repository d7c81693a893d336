import { type ClientToken, Secret, type ServerToken } from '@valetkey/core-types';
import { expect, test } from 'vitest';
import { isSameToken } from './same-token.ts';

function serverToken(text: string, expiresInSeconds?: number): ServerToken {
  return { kind: 'server', vendor: 'nymbl', secret: new Secret(text), expiresInSeconds };
}

function clientToken(fields: Record<string, string | Secret>): ClientToken<'account'> {
  return { kind: 'client', bound: 'account', vendor: 'nudge', fields };
}

test('server tokens with the same secret are the same, even if the life that they have left differs', () => {
  expect(isSameToken(serverToken('a', 300), serverToken('a', 10))).toBe(true);
  expect(isSameToken(serverToken('a'), serverToken('b'))).toBe(false);
});

test('client tokens are the same if all their fields are equal, whether a field is a string or a Secret', () => {
  const token = clientToken({ token: new Secret('a'), region: 'us' });
  expect(isSameToken(token, clientToken({ token: new Secret('a'), region: 'us' }))).toBe(true);
  expect(isSameToken(token, clientToken({ token: 'a', region: 'us' }))).toBe(true);
  expect(isSameToken(token, clientToken({ token: new Secret('b'), region: 'us' }))).toBe(false);
  expect(isSameToken(token, clientToken({ token: new Secret('a'), region: 'eu' }))).toBe(false);
  expect(isSameToken(token, clientToken({ token: new Secret('a') }))).toBe(false);
  expect(isSameToken(clientToken({ token: 'a' }), token)).toBe(false);
  expect(isSameToken(clientToken({ token: 'a', other: 'us' }), token)).toBe(false);
});

test('a server token is never the same as a client token', () => {
  expect(isSameToken(serverToken('a'), clientToken({ secret: 'a' }))).toBe(false);
  expect(isSameToken(clientToken({ secret: 'a' }), serverToken('a'))).toBe(false);
});
