import { type ClientToken, Secret, type ServerToken } from '@valetkey/core-types';
import { expect, test } from 'vitest';
import { sameToken } from './same-token.ts';

const server = (text: string, expiresInSeconds?: number): ServerToken => ({
  kind: 'server',
  vendor: 'nymbl',
  secret: new Secret(text),
  expiresInSeconds,
});

const client = (fields: Record<string, string | Secret>): ClientToken<'account'> => ({
  kind: 'client',
  bound: 'account',
  vendor: 'nudge',
  fields,
});

test('server tokens are the same if their secrets are, whatever life they have left', () => {
  expect(sameToken(server('a', 300), server('a', 10))).toBe(true);
  expect(sameToken(server('a'), server('b'))).toBe(false);
});

test('client tokens are the same if all their fields are, secret or not', () => {
  const token = client({ token: new Secret('a'), region: 'us' });
  expect(sameToken(token, client({ token: new Secret('a'), region: 'us' }))).toBe(true);
  expect(sameToken(token, client({ token: 'a', region: 'us' }))).toBe(true);
  expect(sameToken(token, client({ token: new Secret('b'), region: 'us' }))).toBe(false);
  expect(sameToken(token, client({ token: new Secret('a'), region: 'eu' }))).toBe(false);
  expect(sameToken(token, client({ token: new Secret('a') }))).toBe(false);
  expect(sameToken(client({ token: 'a' }), token)).toBe(false);
  expect(sameToken(client({ token: 'a', other: 'us' }), token)).toBe(false);
});

test('a server token is never the same as a client token', () => {
  expect(sameToken(server('a'), client({ secret: 'a' }))).toBe(false);
  expect(sameToken(client({ secret: 'a' }), server('a'))).toBe(false);
});
