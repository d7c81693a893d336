import { type ClientToken, type FailureCause, Secret, type ServerToken } from '@valetkey/core-types';
import { expect, test } from 'vitest';
import { isSameToken } from './same-token.ts';
import type { StoredFailure, StoredToken } from './store-types.ts';
import { failureToText, parseFailureText, parseTokenText, tokenToText } from './stored-text.ts';

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
])('%s is the same after tokenToText and parseTokenText, without expiresInSeconds', (_, stored: StoredToken) => {
  const read = parseTokenText(tokenToText(stored));
  expect(read).toMatchObject({ ...stored, token: { kind: stored.token.kind, vendor: stored.token.vendor } });
  expect(read && isSameToken(read.token, stored.token)).toBe(true);
  expect(read?.token.expiresInSeconds).toBeUndefined();
});

test('parseTokenText returns the secret fields of a client token as Secret', () => {
  const read = parseTokenText(tokenToText({ token: client, ...moments }))?.token as ClientToken<'account'>;
  expect(read.fields['token']).toBeInstanceOf(Secret);
  expect(read.fields['region']).toBe('us');
  expect([read.vendorUserId, read.bound]).toEqual(['user', 'account']);
});

test('tokenToText and parseTokenText refuse a token that is bound to a user', () => {
  const userBound = { ...client, bound: 'user' } as unknown as ClientToken<'account'>;
  expect(() => tokenToText({ token: userBound, ...moments })).toThrow(TypeError);
  const text = tokenToText({ token: client, ...moments }).replace('"account"', '"user"');
  expect(parseTokenText(text)).toBeUndefined();
});

test.each(['', 'garbage', 'null', '[]', '{}', '{"token":{"kind":"server"}}'])(
  'the text %j is neither a token nor a failure',
  (text) => {
    expect(parseTokenText(text)).toBeUndefined();
    expect(parseFailureText(text)).toBeUndefined();
  },
);

test('parseTokenText refuses text with unknown, missing or empty fields', () => {
  const text = tokenToText({ token: server, ...moments });
  expect(parseTokenText(text)).toBeDefined();
  expect(parseTokenText(text.replace('"lifeMs"', '"lifeS"'))).toBeUndefined();
  expect(parseTokenText(text.replace('{', '{"version":2,'))).toBeUndefined();
  expect(parseTokenText(text.replace('"secret":"token"', '"secret":""'))).toBeUndefined();
  expect(parseTokenText(text.replace('"vendor"', '"client"'))).toBeUndefined();
});

test('a failure is the same after failureToText and parseFailureText, which refuses unknown values', () => {
  const full = { ...failure, remediation: 'Wait.', vendor: 'nymbl', reason: 'late' };
  expect(parseFailureText(failureToText(failure))).toEqual(failure);
  expect(parseFailureText(failureToText(full))).toEqual(full);
  expect(parseFailureText(failureToText({ ...failure, code: 'other' as never }))).toBeUndefined();
  expect(parseFailureText(failureToText({ ...failure, attempts: 0 }))).toBeUndefined();
  expect(parseFailureText(failureToText({ ...failure, more: 1 } as never))).toBeUndefined();
});

test.each<FailureCause>([
  { type: 'vendor_status', status: 429 },
  { type: 'intercepted', status: 403 },
  { type: 'oauth_error', error: 'invalid_client' },
  { type: 'oauth_error', error: 'unauthorized_client' },
  { type: 'oauth_error', error: 'invalid_scope' },
  { type: 'oauth_error', error: 'unsupported_grant_type' },
  { type: 'dpop', error: 'use_dpop_nonce' },
  { type: 'dpop', error: 'invalid_dpop_proof' },
  { type: 'dpop', error: 'invalid_token' },
])('the cause %j of a failure is the same after failureToText and parseFailureText', (cause) => {
  expect(parseFailureText(failureToText({ ...failure, cause }))?.cause).toEqual(cause);
});

test.each([
  { type: 'other' },
  { type: 'vendor_status' },
  { type: 'vendor_status', status: '429' },
  { type: 'vendor_status', status: 429, more: 1 },
  { type: 'oauth_error', error: 'other' },
  { type: 'dpop', error: 'other' },
])('parseFailureText refuses a failure with the unknown cause %j', (cause) => {
  expect(parseFailureText(failureToText({ ...failure, cause } as never))).toBeUndefined();
});
