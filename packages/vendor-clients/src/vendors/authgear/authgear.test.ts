import { Secret } from '@valetkey/core-types';
import { expect, test } from 'vitest';
import { startVendorServer } from '../../testing/vendor-server.ts';
import { authgear, createAuthgearClient } from './authgear.ts';

const accessToken = new Secret('token-sandbox-only');

test('userInfo returns the claims of the user', async () => {
  await using server = await startVendorServer({ json: { sub: 'alice', email: 'alice@example.com' } });
  const client = createAuthgearClient({ endpoint: server.url });
  expect(await client.userInfo(accessToken)).toEqual({ sub: 'alice', email: 'alice@example.com' });
  expect(server.calls).toMatchObject([
    { method: 'GET', path: '/oauth2/userinfo', headers: { authorization: 'Bearer token-sandbox-only' } },
  ]);
});

test.each([
  [401, 'invalid_token'],
  [403, 'forbidden'],
  [400, 'vendor_rejected'],
])('userInfo rejects a response of status %i with %s', async (status, code) => {
  await using server = await startVendorServer({ status, json: { error: 'invalid_grant' } });
  await expect(createAuthgearClient({ endpoint: server.url }).userInfo(accessToken)).rejects.toMatchObject({ code });
});

test('resolve returns `valid` only for the exact text `true`, `invalid` for any other text and `absent` without the header', async () => {
  await using server = await startVendorServer(
    {},
    { headers: { 'x-authgear-session-valid': 'false' } },
    { headers: { 'x-authgear-session-valid': 'True', 'x-authgear-user-id': 'alice' } },
    {
      headers: {
        'x-authgear-session-valid': 'true',
        'x-authgear-user-id': 'alice',
        'x-authgear-user-anonymous': 'false',
        'x-authgear-user-verified': 'true',
        'x-authgear-user-roles': 'admin,editor',
        'x-authgear-session-amr': 'pwd otp',
        'x-authgear-session-authenticated-at': '1700000000',
      },
    },
  );
  const client = createAuthgearClient({ endpoint: server.url });
  const headers = { authorization: 'Bearer x', cookie: 'session=y', 'x-authgear-session-valid': 'true' };
  expect(await client.resolve(headers)).toEqual({ status: 'absent' });
  expect(await client.resolve(headers)).toEqual({ status: 'invalid' });
  expect(await client.resolve(headers)).toEqual({ status: 'invalid' });
  expect(await client.resolve(headers)).toEqual({
    status: 'valid',
    session: {
      userId: 'alice',
      isAnonymous: false,
      isVerified: true,
      canReauthenticate: false,
      roles: ['admin', 'editor'],
      amr: ['pwd', 'otp'],
      authenticatedAtSeconds: 1_700_000_000,
    },
  });
  expect(server.calls[0]).toMatchObject({
    path: '/_resolver/resolve',
    headers: { authorization: 'Bearer x', cookie: 'session=y' },
  });
  expect(server.calls[0]?.headers['x-authgear-session-valid']).toBeUndefined();
});

test.each(['isAnonymous', 'isVerified', 'canReauthenticate'] as const)(
  'resolve sets %s only for the exact text `true`',
  async (name) => {
    const header = `x-authgear-user-${name.replace(/^is/, '').replaceAll(/(?<=[a-z])(?=[A-Z])/g, '-')}`.toLowerCase();
    const responseOf = (value: string) => ({
      headers: { 'x-authgear-session-valid': 'true', 'x-authgear-user-id': 'alice', [header]: value },
    });
    await using server = await startVendorServer(responseOf('true'), responseOf('True'));
    const client = createAuthgearClient({ endpoint: server.url });
    expect(await client.resolve({})).toMatchObject({ session: { [name]: true } });
    expect(await client.resolve({})).toMatchObject({ session: { [name]: false } });
  },
);

test('revoke sends the token in a form', async () => {
  await using server = await startVendorServer({});
  await createAuthgearClient({ endpoint: server.url }).revoke(new Secret('a.b+c'));
  expect(server.calls).toMatchObject([{ method: 'POST', path: '/oauth2/revoke', body: 'token=a.b%2Bc' }]);
});

test('verify accepts the discovery document of the endpoint, and rejects that of another issuer', async () => {
  await using server = await startVendorServer({ json: { issuer: 'https://other.example' } });
  const client = createAuthgearClient({ endpoint: server.url });
  await expect(client.verify()).rejects.toMatchObject({ reason: 'other_issuer' });
  server.respond({ json: { issuer: server.url } });
  await expect(client.verify()).resolves.toBeUndefined();
});

test('Authgear declares the issuer record of its project, with endpoint and client id', () => {
  const vendor = authgear.create(
    authgear.options.parse({ endpoint: 'https://my-app.authgear.cloud/', clientId: 'app' }),
  );
  expect(vendor.authenticate).toEqual({
    issuer: { provider: 'authgear', endpoint: 'https://my-app.authgear.cloud', clientId: 'app', anonymous: false },
  });
});

test('a resolver cannot be combined with a client id', () => {
  const result = authgear.options.safeParse({
    endpoint: 'https://my-app.authgear.cloud',
    clientId: 'app',
    resolver: {},
  });
  expect(result.error?.issues[0]?.path).toEqual(['resolver']);
});
