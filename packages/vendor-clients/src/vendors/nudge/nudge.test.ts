import type { IssueAbility } from '@valetkey/core-types';
import { expect, test } from 'vitest';
import { fakeJwt, startVendorServer } from '../../testing/vendor-server.ts';
import { createNudgeClient, nudge } from './nudge.ts';

const issuedAtSeconds = 1_800_000_000;
const token = fakeJwt({ iat: issuedAtSeconds, exp: issuedAtSeconds + 1_800 });
const issued = { json: { token }, headers: { date: new Date(issuedAtSeconds * 1_000).toUTCString() } };
const apiKey = 'nudge-sandbox-only';
const principal = { issuer: 'https://idp.example', subject: 'alice', scopes: [], claims: {} };

test('getToken sends the documented call and reads the lifetime from the token', async () => {
  await using server = await startVendorServer(issued);
  const client = createNudgeClient({ apiKey, baseUrl: server.url });
  const issuedToken = await client.getToken();
  expect(server.calls).toMatchObject([
    { method: 'GET', path: '/api/clients/jwt/token?expiryMins=60', headers: { apikey: apiKey }, body: '' },
  ]);
  expect(issuedToken.token.reveal()).toBe(token);
  expect(issuedToken.expiresInSeconds).toBe(1_800);
});

test('getToken uses the configured method and header, and the configured lifetime if the token names none', async () => {
  await using server = await startVendorServer({ json: { token: 'opaque' } });
  const client = createNudgeClient({
    apiKey,
    baseUrl: server.url,
    method: 'POST',
    apiKeyHeader: 'x-nudge-key',
    expiryMinutes: 10,
  });
  expect((await client.getToken()).expiresInSeconds).toBe(600);
  expect(server.calls[0]).toMatchObject({ method: 'POST', headers: { 'x-nudge-key': apiKey } });
});

test.each([0, 1_441, 1.5, Number.NaN])(
  'getToken rejects `expiryMinutes` of %d without calling Nudge',
  async (expiryMinutes) => {
    await using server = await startVendorServer(issued);
    const client = createNudgeClient({ apiKey, baseUrl: server.url });
    await expect(client.getToken({ expiryMinutes })).rejects.toMatchObject({
      code: 'invalid_request',
      vendor: 'nudge',
    });
    expect(server.calls).toHaveLength(0);
    expect(nudge.options.safeParse({ apiKey, expiryMinutes }).success).toBe(false);
  },
);

test('verify requests the shortest lifetime', async () => {
  await using server = await startVendorServer(issued);
  await createNudgeClient({ apiKey, baseUrl: server.url }).verify();
  expect(server.calls.map(({ path }) => path)).toEqual(['/api/clients/jwt/token?expiryMins=1']);
});

test.each([401, 403])('the error for a refused key (%i) names what the operator should check', async (status) => {
  await using server = await startVendorServer({ status });
  const client = createNudgeClient({ apiKey, baseUrl: server.url });
  await expect(client.getToken()).rejects.toMatchObject({
    code: 'vendor_auth_failed',
    advice: expect.stringContaining('short-lived token authentication') as unknown,
  });
});

test('an app may request a shorter lifetime, but neither a longer lifetime nor another parameter', async () => {
  await using server = await startVendorServer(issued);
  const vendor = nudge.create(nudge.options.parse({ apiKey, baseUrl: server.url, expiryMinutes: 30 }));
  const issue = vendor.issue as IssueAbility<'account'>;
  const parameters = issue.parameters.parse({ expiry_minutes: 5 });
  expect(Object.keys((await issue.issue({ principal, parameters })).fields)).toEqual(['token']);
  expect(issue.bound).toBe('account');
  expect(issue.plainTextField).toBe('token');
  expect(server.calls[0]?.path).toBe('/api/clients/jwt/token?expiryMins=5');
  expect(issue.parameters.safeParse({ expiry_minutes: 31 }).success).toBe(false);
  expect(issue.parameters.safeParse({ expiry_minutes: 0 }).success).toBe(false);
  expect(issue.parameters.safeParse({ sub: 'bob' }).success).toBe(false);
  expect(issue.parameters.parse({})).toEqual({ expiry_minutes: 30 });
});

test('tokens are cached only if the operator sets `cache`, under a key for each lifetime and API key', () => {
  const options = { apiKey, baseUrl: 'http://127.0.0.1:1' };
  expect(nudge.create(nudge.options.parse(options)).issue?.cache).toBeUndefined();
  const cached = nudge.create(nudge.options.parse({ ...options, cache: { minRemainingSeconds: 120 } }));
  const { cache } = cached.issue as IssueAbility<'account'>;
  expect(cache?.minRemainingSeconds).toBe(120);
  const keyOf = (minutes: number): unknown => cache?.key({ principal, parameters: { expiry_minutes: minutes } });
  expect(keyOf(5)).toEqual(keyOf(5));
  expect(keyOf(5)).not.toEqual(keyOf(6));
  expect(JSON.stringify(keyOf(5))).not.toContain(apiKey);
  const other = nudge.create(nudge.options.parse({ ...options, apiKey: 'other', cache: { minRemainingSeconds: 120 } }));
  expect(other.issue?.cache?.key({ principal, parameters: { expiry_minutes: 5 } })).not.toEqual(keyOf(5));
});

test('`cache.minRemainingSeconds` must be less than the lifetime, and a token for at most that long is not cached', () => {
  const parse = (expiryMinutes: number, minRemainingSeconds: number) =>
    nudge.options.safeParse({ apiKey, expiryMinutes, cache: { minRemainingSeconds } });
  expect(parse(5, 299).success).toBe(true);
  expect(parse(5, 300).error?.issues[0]?.path).toEqual(['cache', 'minRemainingSeconds']);
  const { issue } = nudge.create(nudge.options.parse({ apiKey, cache: { minRemainingSeconds: 600 } }));
  const keyFor = (minutes: number): unknown =>
    issue?.cache?.key({ principal, parameters: { expiry_minutes: minutes } });
  expect(keyFor(10)).toBeUndefined();
  expect(keyFor(11)).toMatchObject({ scope: 'expiryMins=11' });
});

test.each(['Transfer-Encoding', 'host', 'accept', 'a b', ''])(
  'the options of Nudge refuse %j as the header of the API key',
  (apiKeyHeader) => {
    expect(nudge.options.safeParse({ apiKey, apiKeyHeader }).success).toBe(false);
  },
);
