import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ValetKeyError } from '@valetkey/core-types';
import { expect, onTestFinished, test, vi } from 'vitest';
import { createSqliteStore } from '../../src/storage/sqlite-store.ts';
import { startOpenidProvider } from '../support/openid-provider.ts';
import { adminToken, startRecordingBroker, type RecordingBroker } from '../support/recording-broker.ts';
import { createTokenIssuer } from '../support/token-issuer.ts';

const path = '/v1/backchannel-logout';
const backChannelLogout = { audiences: ['app'] };
const baseConfig = {
  listen: { port: 0 },
  admin: { port: 0, token: adminToken },
  store: { sqlite: ':memory:' },
  vendors: { nudge: { apiKey: 'some-api-key' } },
};

const logOutWith = ({ call }: RecordingBroker, form: Record<string, string> | string, type?: string) =>
  call(path, undefined, {
    method: 'POST',
    headers: { 'content-type': type ?? 'application/x-www-form-urlencoded' },
    body: typeof form === 'string' ? form : new URLSearchParams(form).toString(),
  });

const statusOf = async ({ call }: RecordingBroker, token: string) => (await call('/v1/authorize', token)).status;

/** Starts brokers that share one SQLite file, and an identity provider whose logout tokens they accept. */
async function startBrokers(count: number) {
  const folder = await mkdtemp(join(tmpdir(), 'valetkey-'));
  const provider = createTokenIssuer();
  const { issuer, jwks } = provider;
  const config = {
    ...baseConfig,
    store: { sqlite: join(folder, 'valetkey.sqlite') },
    issuers: [{ issuer, audiences: ['valetkey'], jwks, backChannelLogout }],
  };
  const brokers = await Promise.all(Array.from({ length: count }, () => startRecordingBroker(config)));
  onTestFinished(async () => {
    await Promise.all(brokers.map((broker) => broker[Symbol.asyncDispose]()));
    await rm(folder, { recursive: true });
  });
  return { provider, brokers: brokers as [RecordingBroker, ...RecordingBroker[]] };
}

/** Waits at most two seconds until a broker refuses a token. */
const waitForRefusal = (broker: RecordingBroker, token: string) =>
  vi.waitFor(async () => expect(await statusOf(broker, token)).toBe(401), { timeout: 2_000, interval: 20 });

test('oidc-provider signs a user out: every broker refuses the earlier tokens of this user, and accepts later ones', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'valetkey-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  const audience = 'https://api.example.com';
  const provider = await startOpenidProvider(audience);
  onTestFinished(() => provider.close());
  const config = {
    ...baseConfig,
    store: { sqlite: join(folder, 'valetkey.sqlite') },
    issuers: [{ issuer: provider.issuer, audiences: [audience], backChannelLogout }],
  };
  await using one = await startRecordingBroker(config);
  await using other = await startRecordingBroker(config);
  const [alice, bob] = [await provider.signIn('alice'), await provider.signIn('bob')];
  for (const broker of [one, other]) expect(await statusOf(broker, alice)).toBe(204);

  await provider.logOut(one.brokerUrl + path, 'alice');
  const response = await one.call('/v1/session', alice);
  expect(response.status).toBe(401);
  expect(await response.json()).toMatchObject({ code: 'invalid_token', detail: expect.stringContaining('signed out') });
  expect(one.logLines().join('\n')).toContain('"reason":"revoked"');
  const refusals = await (await one.callAdmin('/v1/decisions?reason=revoked')).json();
  expect(refusals).toMatchObject({ decisions: [{ operation: 'session', outcome: 'invalid_token', subject: 'alice' }] });
  await waitForRefusal(other, alice);
  expect([await statusOf(one, bob), await statusOf(other, bob)]).toEqual([204, 204]);

  const decisions = await (await one.callAdmin('/v1/decisions?operation=logout')).json();
  expect(decisions).toMatchObject({
    decisions: [{ operation: 'logout', issuer: provider.issuer, subject: 'alice', outcome: 'allowed' }],
  });
  // The time of a token has whole seconds: a token of the same second counts as issued before the logout.
  const nextSecond = await vi.waitFor(
    async () => {
      const token = await provider.signIn('alice');
      expect(await statusOf(one, token)).toBe(204);
      return token;
    },
    { timeout: 5_000, interval: 200 },
  );
  expect(await statusOf(other, nextSecond)).toBe(204);
});

test('a logout that names a session ends this session and the earlier tokens without a session, and no other session', async () => {
  const { provider, brokers } = await startBrokers(2);
  const [one, other] = brokers as [RecordingBroker, RecordingBroker];
  const tokens = {
    ended: provider.accessToken({ sid: 's-1' }),
    open: provider.accessToken({ sid: 's-2' }),
    unnamed: provider.accessToken(),
    undated: provider.accessToken({ iat: undefined }),
    bob: provider.accessToken({ sub: 'bob' }),
    later: provider.accessToken({ iat: Math.floor(Date.now() / 1000) + 2 }),
  };
  const statuses = async (broker: RecordingBroker) =>
    Object.fromEntries(
      await Promise.all(
        Object.entries(tokens).map(async ([name, token]) => [name, await statusOf(broker, token)] as const),
      ),
    );
  expect(new Set(Object.values(await statuses(other)))).toEqual(new Set([204]));

  const response = await logOutWith(one, { logout_token: provider.logoutToken({ sid: 's-1' }) });
  expect([response.status, await response.text()]).toEqual([200, '']);
  expect(response.headers.get('cache-control')).toBe('no-store');
  const expected = { ended: 401, open: 204, unnamed: 401, undated: 401, bob: 204, later: 204 };
  expect(await statuses(one)).toEqual(expected);
  await vi.waitFor(async () => expect(await statuses(other)).toEqual(expected), { timeout: 2_000, interval: 20 });

  const sessionOnly = provider.logoutToken({ sub: undefined, sid: 's-2' });
  expect((await logOutWith(other, { logout_token: sessionOnly })).status).toBe(200);
  expect(await statusOf(other, tokens.open)).toBe(401);
  await waitForRefusal(one, tokens.open);
});

test('refuses a logout token that any broker has accepted before, and responds the same for users that it has never seen', async () => {
  const { provider, brokers } = await startBrokers(2);
  const [one, other] = brokers as [RecordingBroker, RecordingBroker];
  const form = { logout_token: provider.logoutToken({ sub: 'a stranger' }), state: 'ignored' };
  expect((await logOutWith(one, form)).status).toBe(200);
  for (const broker of [one, other]) {
    const response = await logOutWith(broker, form);
    expect(response.status).toBe(400);
    expect(response.headers.get('cache-control')).toBe('no-store');
    expect(await response.json()).toMatchObject({
      error: 'invalid_request',
      error_description: expect.stringMatching(/used before/) as string,
    });
  }
  const { decisions } = (await (await one.callAdmin('/v1/decisions?operation=logout')).json()) as {
    decisions: unknown[];
  };
  expect(decisions).toHaveLength(1);
});

test('refuses forms without a usable logout token, tells the provider why, and revokes nothing', async () => {
  const { provider, brokers } = await startBrokers(1);
  const [broker] = brokers;
  const alice = provider.accessToken();
  const token = provider.logoutToken();
  const [head, claims, signature] = token.split('.') as [string, string, string];
  const forms: (Record<string, string> | string)[] = [
    {},
    '',
    { logout_token: '' },
    `logout_token=${token}&logout_token=${token}`,
    { logout_token: alice },
    { logout_token: `${head}.${claims}.${signature.split('').toReversed().join('')}` },
    { logout_token: createTokenIssuer().logoutToken() },
    { logout_token: createTokenIssuer('https://evil.example.com').logoutToken() },
    { logout_token: provider.logoutToken({ nonce: 'n' }) },
    { logout_token: provider.logoutToken({ aud: 'valetkey' }) },
    { logout_token: provider.logoutToken({ exp: 1 }) },
    { logout_token: provider.logoutToken({ sub: undefined }) },
  ];
  for (const form of forms) {
    const response = await logOutWith(broker, form);
    expect(response.status, JSON.stringify(form)).toBe(400);
    expect(response.headers.get('content-type')).toBe('application/json');
    const body = await response.text();
    expect(JSON.parse(body)).toMatchObject({ error: 'invalid_request', error_description: expect.any(String) });
    expect(body).not.toContain('alice');
  }
  expect((await logOutWith(broker, JSON.stringify({ logout_token: token }), 'application/json')).status).toBe(400);
  expect((await logOutWith(broker, { logout_token: 'x'.repeat(20_000) })).status).toBe(413);
  expect((await broker.call(path, alice)).status).toBe(405);
  // A logout token is no token of a caller.
  expect(await statusOf(broker, token)).toBe(401);
  expect(await statusOf(broker, alice)).toBe(204);
  expect((await logOutWith(broker, { logout_token: token })).status).toBe(200);
});

test('responds 503 while the logout cannot be stored, so that the provider sends it again', async () => {
  const provider = createTokenIssuer();
  const { issuer, jwks } = provider;
  const memory = createSqliteStore(':memory:');
  let isFull = true;
  const refuseWhenFull = async () => {
    if (isFull) throw new ValetKeyError('overloaded', 'Full.', { reason: 'sqlite_13', retryAfterSeconds: 5 });
  };
  const store = {
    ...memory,
    recordLogout: async (...values: Parameters<typeof memory.recordLogout>) => {
      await refuseWhenFull();
      return memory.recordLogout(...values);
    },
  };
  const issuers = [{ issuer, audiences: ['valetkey'], jwks, backChannelLogout }];
  await using broker = await startRecordingBroker({ ...baseConfig, issuers }, { store });
  const form = { logout_token: provider.logoutToken() };
  const response = await logOutWith(broker, form);
  expect([response.status, response.headers.get('retry-after')]).toEqual([503, '5']);
  expect(await response.json()).toMatchObject({ error: 'temporarily_unavailable' });
  isFull = false;
  expect((await logOutWith(broker, form)).status).toBe(200);
});

test('responds 503 to further logouts while a hundred are being stored, and stores all others', async () => {
  const provider = createTokenIssuer();
  const { issuer, jwks } = provider;
  const memory = createSqliteStore(':memory:');
  const { promise: stored, resolve: store } = Promise.withResolvers<void>();
  const { promise: full, resolve: reportFull } = Promise.withResolvers<void>();
  let running = 0;
  const slowStore = {
    ...memory,
    recordLogout: async (...values: Parameters<typeof memory.recordLogout>) => {
      running += 1;
      if (running === 100) reportFull();
      await stored;
      return memory.recordLogout(...values);
    },
  };
  const issuers = [{ issuer, audiences: ['valetkey'], jwks, backChannelLogout }];
  await using broker = await startRecordingBroker({ ...baseConfig, issuers }, { store: slowStore });
  const logOut = async () => (await logOutWith(broker, { logout_token: provider.logoutToken() })).status;
  const pending = Array.from({ length: 100 }, logOut);
  await full;
  expect(await logOut()).toBe(503);
  expect((await logOutWith(broker, { logout_token: 'forged' })).status).toBe(400);
  store();
  expect(new Set(await Promise.all(pending))).toEqual(new Set([200]));
});

test('has no route for logout tokens unless an issuer has backChannelLogout, and names the route in its metadata', async () => {
  const { issuer, jwks } = createTokenIssuer();
  const record = { issuer, jwks, audiences: ['valetkey'] };
  const config = { ...baseConfig, publicUrl: 'https://broker.example.com', issuers: [record] };
  const metadata = '/.well-known/oauth-protected-resource';
  await using off = await startRecordingBroker(config);
  expect((await logOutWith(off, {})).status).toBe(404);
  expect(await (await off.call(metadata)).json()).not.toHaveProperty('backchannel_logout_uri');
  await using on = await startRecordingBroker({ ...config, issuers: [{ ...record, backChannelLogout }] });
  expect((await logOutWith(on, {})).status).toBe(400);
  expect(await (await on.call(metadata)).json()).toMatchObject({
    backchannel_logout_uri: 'https://broker.example.com/v1/backchannel-logout',
  });
});
