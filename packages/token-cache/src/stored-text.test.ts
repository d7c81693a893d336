import { type ClientToken, Secret, type ServerToken } from '@valetkey/core-types';
import { expect, test } from 'vitest';
import { sameToken } from './same-token.ts';
import type { StoredFailure, StoredToken } from './store-types.ts';
import { failureFromText, failureToText, tokenFromText, tokenToText } from './stored-text.ts';

const server: ServerToken = { kind: 'server', vendor: 'nymbl', secret: new Secret('token'), expiresInSeconds: 5 };
const client: ClientToken<'account'> = {
  kind: 'client',
  bound: 'account',
  vendor: 'nudge',
  fields: { token: new Secret('token'), region: 'us' },
  vendorUserId: 'user',
};
const moments = { expiresAtMs: 3000, refreshAtMs: 2000, lifeMs: 1000 };
const failure: StoredFailure = { code: 'vendor_timeout', detail: 'Slow.', advice: 'Look.', attempts: 2 };

test.each([
  ['a server token', { token: server, ...moments }],
  ['a client token', { token: client, ...moments, repeatedAtMs: 500 }],
])('%s comes back as it went', (_, stored: StoredToken) => {
  const read = tokenFromText(tokenToText(stored));
  expect(read).toMatchObject({ ...stored, token: { kind: stored.token.kind, vendor: stored.token.vendor } });
  expect(read && sameToken(read.token, stored.token)).toBe(true);
  expect(read?.token.expiresInSeconds).toBeUndefined();
});

test('a client token keeps what is secret secret, and what is not not', () => {
  const read = tokenFromText(tokenToText({ token: client, ...moments }))?.token as ClientToken<'account'>;
  expect(read.fields['token']).toBeInstanceOf(Secret);
  expect(read.fields['region']).toBe('us');
  expect([read.vendorUserId, read.bound]).toEqual(['user', 'account']);
});

test('a token bound to a user goes neither in nor out', () => {
  const patient = { ...client, bound: 'user' } as unknown as ClientToken<'account'>;
  expect(() => tokenToText({ token: patient, ...moments })).toThrow(TypeError);
  const text = tokenToText({ token: client, ...moments }).replace('"account"', '"user"');
  expect(tokenFromText(text)).toBeUndefined();
});

test.each(['', 'garbage', 'null', '[]', '{}', '{"token":{"kind":"server"}}'])(
  '%j is no token and no failure',
  (text) => {
    expect(tokenFromText(text)).toBeUndefined();
    expect(failureFromText(text)).toBeUndefined();
  },
);

test('a token with more or less than it should have is none', () => {
  const text = tokenToText({ token: server, ...moments });
  expect(tokenFromText(text)).toBeDefined();
  expect(tokenFromText(text.replace('"lifeMs"', '"lifeS"'))).toBeUndefined();
  expect(tokenFromText(text.replace('{', '{"version":2,'))).toBeUndefined();
  expect(tokenFromText(text.replace('"secret":"token"', '"secret":""'))).toBeUndefined();
  expect(tokenFromText(text.replace('"vendor"', '"client"'))).toBeUndefined();
});

test('a failure comes back as it went', () => {
  const full = { ...failure, remediation: 'Wait.', vendor: 'nymbl', reason: 'late' };
  expect(failureFromText(failureToText(failure))).toEqual(failure);
  expect(failureFromText(failureToText(full))).toEqual(full);
  expect(failureFromText(failureToText({ ...failure, code: 'other' as never }))).toBeUndefined();
  expect(failureFromText(failureToText({ ...failure, attempts: 0 }))).toBeUndefined();
  expect(failureFromText(failureToText({ ...failure, more: 1 } as never))).toBeUndefined();
});
