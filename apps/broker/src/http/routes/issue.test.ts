import { Secret, type ExposableToken, type Vendor } from '@valetkey/core-types';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { choosePlainTextField, encodeExchangedToken, encodeIssuedToken } from './issue.ts';

const context = { connection: 'acme-eu', nowMs: Date.UTC(2026, 5, 1, 12) };
const token: ExposableToken = {
  kind: 'client',
  bound: 'user',
  vendor: 'acme',
  vendorUserId: 'u-1',
  expiresInSeconds: 600,
  fields: { token: new Secret('client-token'), room: 'a' },
};
const serverToken = { kind: 'server', vendor: 'acme', secret: new Secret('canary') } as unknown as ExposableToken;
const exchanged = {
  field: 'token',
  issuedTokenType: 'urn:ietf:params:oauth:token-type:access_token',
  tokenType: 'Bearer',
  asksForScope: false,
} as const;

function createVendor(plainTextField: string | undefined): Vendor {
  const issue = {
    bound: 'account' as const,
    parameters: z.strictObject({}),
    plainTextField,
    issue: () => Promise.reject(),
  };
  return { id: 'acme', issue, close: async () => undefined };
}

test('encodeIssuedToken returns the fields of the vendor and the common fields', () => {
  const { type, body } = encodeIssuedToken(token, undefined, context);
  expect(type).toBe('application/json');
  expect(JSON.parse(body)).toEqual({
    token: 'client-token',
    room: 'a',
    vendor: 'acme',
    connection: 'acme-eu',
    vendor_user_id: 'u-1',
    expires_in: 600,
    expires_at: '2026-06-01T12:10:00.000Z',
    refresh_after: 480,
    server_time: '2026-06-01T12:00:00.000Z',
  });
});

test('encodeIssuedToken leaves out the expiry and the vendor user of a token that has none', () => {
  const { vendorUserId: _user, expiresInSeconds: _expiry, ...bare } = token;
  const body = JSON.parse(encodeIssuedToken(bare, undefined, context).body) as object;
  expect(Object.keys(body).toSorted()).toEqual(['connection', 'room', 'server_time', 'token', 'vendor']);
});

test('encodeIssuedToken names no time of renewal for a token that works once, so that no client keeps it', () => {
  const body = JSON.parse(encodeIssuedToken({ ...token, singleUse: true }, undefined, context).body) as object;
  expect(body).toHaveProperty('expires_in', 600);
  expect(body).not.toHaveProperty('refresh_after');
});

test('encodeIssuedToken does not let a field of the vendor replace a common field', () => {
  const hostile = {
    ...token,
    fields: { vendor: 'other', connection: 'other', vendor_user_id: 'u-2', server_time: 'x' },
  };
  expect(JSON.parse(encodeIssuedToken(hostile, undefined, context).body)).toMatchObject({
    vendor: 'acme',
    connection: 'acme-eu',
    vendor_user_id: 'u-1',
    server_time: '2026-06-01T12:00:00.000Z',
  });
});

test('encodeIssuedToken returns one field as plain text, and throws `internal` if the token does not have it', () => {
  expect(encodeIssuedToken(token, 'token', context)).toEqual({
    type: 'text/plain; charset=utf-8',
    body: 'client-token',
  });
  expect(() => encodeIssuedToken(token, 'absent', context)).toThrow(expect.objectContaining({ code: 'internal' }));
});

test('encodeExchangedToken adds the fields of OAuth to the issue response', () => {
  expect(JSON.parse(encodeExchangedToken(token, exchanged, context))).toMatchObject({
    token: 'client-token',
    access_token: 'client-token',
    issued_token_type: exchanged.issuedTokenType,
    token_type: 'Bearer',
    expires_in: 600,
  });
  expect(JSON.parse(encodeExchangedToken(token, exchanged, context))).not.toHaveProperty('scope');
});

test('encodeExchangedToken returns an empty `scope` if the caller requested scopes', () => {
  expect(JSON.parse(encodeExchangedToken(token, { ...exchanged, asksForScope: true }, context))).toHaveProperty(
    'scope',
    '',
  );
});

test('encodeIssuedToken and encodeExchangedToken throw for a server token whose type a cast hides', () => {
  for (const encode of [
    () => encodeIssuedToken(serverToken, undefined, context),
    () => encodeIssuedToken(serverToken, 'secret', context),
    () => encodeExchangedToken(serverToken, exchanged, context),
  ]) {
    expect(encode).toThrow('Only client tokens may be returned to an app.');
  }
});

test.each([
  [undefined, undefined, 'token'],
  ['*/*', undefined, 'token'],
  ['', undefined, 'token'],
  ['text/html', undefined, 'token'],
  ['application/json;q=0', undefined, 'token'],
  ['application/json', undefined, undefined],
  ['application/json, text/plain, */*', undefined, undefined],
  ['application/*', undefined, undefined],
  ['text/plain;q=0.5, application/json', undefined, undefined],
  ['text/plain', 'token', 'token'],
  ['text/plain, application/json;q=0.5', 'token', 'token'],
])('choosePlainTextField with `Accept: %s` returns %s for POST and %s for GET', (accept, ofPost, ofGet) => {
  expect(choosePlainTextField(createVendor('token'), accept, 'POST')).toBe(ofPost);
  expect(choosePlainTextField(createVendor('token'), accept, 'GET')).toBe(ofGet);
});

test.each(['GET', 'POST'])(
  'choosePlainTextField of a %s request throws only if the caller prefers plain text and the vendor has no field for it',
  (method) => {
    const choose = (accept?: string) => choosePlainTextField(createVendor(undefined), accept, method);
    expect(() => choose('text/plain')).toThrow(expect.objectContaining({ code: 'invalid_request', vendor: 'acme' }));
    for (const accept of [undefined, '*/*', 'application/json', 'text/html']) expect(choose(accept)).toBeUndefined();
  },
);
