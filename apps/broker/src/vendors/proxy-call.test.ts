import { Readable } from 'node:stream';
import {
  Secret,
  systemClock,
  ValetKeyError,
  type Principal,
  type TokenProxyAbility,
  type ProxyRequest,
  type ProxyResponse,
  type ServerToken,
  type TokenKey,
  type Vendor,
} from '@valetkey/core-types';
import { createTokenCache, type TokenCache } from '@valetkey/token-cache';
import { expect, test } from 'vitest';
import { createSqliteStore } from '../storage/sqlite-store.ts';
import type { Connection } from './connections.ts';
import { proxyCall } from './proxy-call.ts';
import { createVendorUsers } from './vendor-users.ts';

const alice: Principal = {
  issuer: 'https://id.example.com',
  subject: 'alice',
  scopes: [],
  claims: { customer: 'c-1' },
};
const getRooms: ProxyRequest = { method: 'GET', path: '/rooms', query: '', headers: {} };
const allow = [
  { method: 'GET', path: '/rooms' },
  { method: 'POST', path: '/rooms' },
];

/** Creates a `proxy` ability that numbers its server tokens and refuses each token for which `accepts` returns false. */
function createProxyAbility(
  accepts: (token: string) => boolean = () => true,
  overrides: Partial<TokenProxyAbility> = {},
) {
  const issued: string[] = [];
  const sent: string[] = [];
  const ability: TokenProxyAbility = {
    allow,
    tokenKey: ({ claims }) => ({ vendor: 'acme', scope: String(claims['customer']) }),
    issueServerToken: async ({ scope }): Promise<ServerToken> => {
      const token = `${scope}-${issued.length + 1}`;
      issued.push(token);
      return { kind: 'server', vendor: 'acme', secret: new Secret(token), expiresInSeconds: 3_600 };
    },
    send: async (_request, { secret }): Promise<ProxyResponse | 'token_refused'> => {
      const token = secret.reveal();
      sent.push(token);
      return accepts(token) ? { status: 200, headers: {}, body: Readable.from([]) } : 'token_refused';
    },
    ...overrides,
  };
  return { ability, issued, sent };
}

function createConnection(proxy: TokenProxyAbility | undefined, name = 'acme-eu'): Connection {
  const vendor: Vendor = { id: 'acme', proxy, close: async () => undefined };
  const store = createSqliteStore(':memory:');
  const users = createVendorUsers({ connection: name, vendor, store, clock: systemClock });
  return { name, vendor, users, rules: [], isCircuitOpen: () => false };
}

test('proxyCall rejects a vendor that has no proxy', async () => {
  const call = proxyCall(createConnection(undefined), alice, getRooms, createTokenCache());
  await expect(call).rejects.toMatchObject({ code: 'operation_not_supported', vendor: 'acme' });
});

test.each([
  ['another method', { method: 'DELETE' }],
  ['another path', { path: '/admin' }],
  ['a longer path', { path: '/rooms/1' }],
  ['a path that leads elsewhere', { path: '/rooms/../admin' }],
])('proxyCall rejects %s, which the allow-list does not have, without requesting a token', async (_, differs) => {
  const { ability, issued, sent } = createProxyAbility();
  const call = proxyCall(createConnection(ability), alice, { ...getRooms, ...differs }, createTokenCache());
  await expect(call).rejects.toMatchObject({
    code: 'forbidden',
    vendor: 'acme',
    remediation: expect.stringContaining('vendors.acme-eu.allow') as unknown,
  });
  expect([issued, sent]).toEqual([[], []]);
});

test('proxyCall requests one server token for each key of `tokenKey`, and sends it with every call for that key', async () => {
  const { ability, issued, sent } = createProxyAbility();
  const connection = createConnection(ability);
  const tokens = createTokenCache();
  for (const customer of ['c-1', 'c-1', 'c-2']) {
    const response = await proxyCall(connection, { ...alice, claims: { customer } }, getRooms, tokens);
    expect(response.status).toBe(200);
  }
  expect(issued).toEqual(['c-1-1', 'c-2-2']);
  expect(sent).toEqual(['c-1-1', 'c-1-1', 'c-2-2']);
});

test('proxyCall adds the name of the connection to the key under which it caches and invalidates a token', async () => {
  const { ability } = createProxyAbility(() => false);
  const keys: TokenKey[] = [];
  const tokens = createTokenCache();
  const watched: TokenCache = {
    ...tokens,
    get: (key, ...rest) => {
      keys.push(key);
      return tokens.get(key, ...rest);
    },
    invalidate: (key, token) => {
      keys.push(key);
      return tokens.invalidate(key, token);
    },
  };
  for (const name of ['acme-eu', 'acme-us']) {
    keys.length = 0;
    const call = proxyCall(createConnection(ability, name), alice, getRooms, watched);
    await expect(call).rejects.toMatchObject({ code: 'vendor_auth_failed' });
    const key = { vendor: 'acme', scope: 'c-1', connection: name };
    expect(keys).toEqual([key, key, key]);
  }
});

test('proxyCall never uses the server token of another connection of the same vendor', async () => {
  const { ability, sent } = createProxyAbility();
  const tokens = createTokenCache();
  for (const name of ['acme-eu', 'acme-us', 'acme-eu']) {
    await proxyCall(createConnection(ability, name), alice, getRooms, tokens);
  }
  expect(sent).toEqual(['c-1-1', 'c-1-2', 'c-1-1']);
});

test.each([
  ['without a body', undefined],
  ['with a short body', Buffer.from('{}')],
])('proxyCall renews a token that the vendor refuses, and sends a request %s once more', async (_, body) => {
  const { ability, issued, sent } = createProxyAbility((token) => token !== 'c-1-1');
  const tokens = createTokenCache();
  const request = { ...getRooms, method: 'POST', body };
  expect(await proxyCall(createConnection(ability), alice, request, tokens)).toMatchObject({ status: 200 });
  expect(sent).toEqual(['c-1-1', 'c-1-2']);
  expect(await proxyCall(createConnection(ability), alice, request, tokens)).toMatchObject({ status: 200 });
  expect(issued).toEqual(['c-1-1', 'c-1-2']);
});

test('proxyCall rejects a streamed request whose token the vendor refuses, and renews the token for the next call', async () => {
  const { ability, sent } = createProxyAbility((token) => token !== 'c-1-1');
  const tokens = createTokenCache();
  const request = { ...getRooms, method: 'POST', body: Readable.from([Buffer.from('{}')]) };
  await expect(proxyCall(createConnection(ability), alice, request, tokens)).rejects.toMatchObject({
    code: 'vendor_auth_failed',
    remediation: expect.stringContaining('Call again') as unknown,
  });
  expect(sent).toEqual(['c-1-1']);
  expect(await proxyCall(createConnection(ability), alice, getRooms, tokens)).toMatchObject({ status: 200 });
  expect(sent).toEqual(['c-1-1', 'c-1-2']);
});

test('proxyCall rejects if the vendor also refuses the renewed token', async () => {
  const { ability, sent } = createProxyAbility(() => false);
  const call = proxyCall(createConnection(ability), alice, getRooms, createTokenCache());
  await expect(call).rejects.toMatchObject({ code: 'vendor_auth_failed', vendor: 'acme' });
  expect(sent).toEqual(['c-1-1', 'c-1-2']);
});

test('proxyCall rejects with the error of `tokenKey`, without requesting a token', async () => {
  const refusal = new ValetKeyError('forbidden', 'No customer.', { vendor: 'acme' });
  const { ability, issued } = createProxyAbility(undefined, {
    tokenKey: () => {
      throw refusal;
    },
  });
  await expect(proxyCall(createConnection(ability), alice, getRooms, createTokenCache())).rejects.toBe(refusal);
  expect(issued).toEqual([]);
});

test('proxyCall rejects with the abort reason while it waits for a token, and calls no vendor', async () => {
  const { ability, sent } = createProxyAbility(undefined, { issueServerToken: () => new Promise(() => undefined) });
  const caller = new AbortController();
  const call = proxyCall(createConnection(ability), alice, { ...getRooms, signal: caller.signal }, createTokenCache());
  const reason = new Error('disconnected');
  caller.abort(reason);
  await expect(call).rejects.toBe(reason);
  expect(sent).toEqual([]);
});

test('proxyCall asks the function of the policy about each call that the list allows, before it gets a token', async () => {
  const { ability, issued } = createProxyAbility(undefined, { allow: [{ method: 'GET', path: '/rooms/{id}' }] });
  const asked: unknown[] = [];
  const error = new ValetKeyError('policy_unavailable', 'No decision.');
  const connection: Connection = {
    ...createConnection(ability),
    assertDecided: async (request) => {
      asked.push(request);
      if (request.path === '/rooms/1') throw error;
    },
  };
  const call = (path: string) => proxyCall(connection, alice, { ...getRooms, path, query: '?a=b' }, createTokenCache());
  await expect(call('/other')).rejects.toMatchObject({ code: 'forbidden', reason: 'allow' });
  expect(asked).toEqual([]);
  expect((await call('/rooms/a%20b')).status).toBe(200);
  expect(asked).toEqual([
    { principal: alice, operation: 'proxy', connection: 'acme-eu', method: 'GET', path: '/rooms/a b' },
  ]);
  const before = issued.length;
  await expect(call('/rooms/1')).rejects.toBe(error);
  expect(issued).toHaveLength(before);
});
