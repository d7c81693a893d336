import type { IssueAbility } from '@valetkey/core-types';
import { expect, test } from 'vitest';
import { fakeJwt, startVendorServer } from '../testing/vendor-server.ts';
import { createNudgeClient, nudge } from './nudge.ts';

const nowSeconds = Math.floor(Date.now() / 1_000);
const token = fakeJwt({ iat: nowSeconds, exp: nowSeconds + 1_800 });
const apiKey = 'nudge-sandbox-only';
const principal = { issuer: 'https://idp.example', subject: 'alice', scopes: [], claims: {} };

test('getToken sends the documented call and reads the life from the token', async () => {
  await using server = await startVendorServer({ json: { token } });
  const client = createNudgeClient({ apiKey, baseUrl: server.url });
  const answer = await client.getToken();
  expect(server.calls).toMatchObject([
    { method: 'GET', path: '/api/clients/jwt/token?expiryMins=60', headers: { apikey: apiKey }, body: '' },
  ]);
  expect(answer.token.reveal()).toBe(token);
  expect(answer.expiresInSeconds).toBe(1_800);
});

test('method, header and life are configurable; a token that says nothing lives as long as was asked', async () => {
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

test.each([0, 1_441, 1.5, Number.NaN])('%d minutes are asked of nobody', async (expiryMinutes) => {
  await using server = await startVendorServer({ json: { token } });
  const client = createNudgeClient({ apiKey, baseUrl: server.url });
  await expect(client.getToken({ expiryMinutes })).rejects.toMatchObject({ code: 'invalid_request', vendor: 'nudge' });
  expect(server.calls).toHaveLength(0);
  expect(nudge.options.safeParse({ apiKey, expiryMinutes }).success).toBe(false);
});

test('verify asks for as little life as there is', async () => {
  await using server = await startVendorServer({ json: { token } });
  await createNudgeClient({ apiKey, baseUrl: server.url }).verify();
  expect(server.calls.map(({ path }) => path)).toEqual(['/api/clients/jwt/token?expiryMins=1']);
});

test.each([401, 403])('a refusal (%i) tells what to check', async (status) => {
  await using server = await startVendorServer({ status });
  const client = createNudgeClient({ apiKey, baseUrl: server.url });
  await expect(client.getToken()).rejects.toMatchObject({
    code: 'vendor_auth_failed',
    advice: expect.stringContaining('short-lived token authentication') as unknown,
  });
});

test('an app may ask for less life, never for more, and for nothing else', async () => {
  await using server = await startVendorServer({ json: { token } });
  const vendor = nudge.create(nudge.options.parse({ apiKey, baseUrl: server.url, expiryMinutes: 30 }));
  const issue = vendor.issue as IssueAbility<'account'>;
  const parameters = issue.parameters.parse({ expiry_minutes: 5 });
  expect(await issue.issue({ principal, parameters })).toMatchObject({ bound: 'account' });
  expect(issue.plainTextField).toBe('token');
  expect(server.calls[0]?.path).toBe('/api/clients/jwt/token?expiryMins=5');
  expect(issue.parameters.safeParse({ expiry_minutes: 31 }).success).toBe(false);
  expect(issue.parameters.safeParse({ expiry_minutes: 0 }).success).toBe(false);
  expect(issue.parameters.safeParse({ sub: 'bob' }).success).toBe(false);
  expect(issue.parameters.parse({})).toEqual({ expiry_minutes: 30 });
});

test('tokens are kept only where the operator says so, apart by what was asked', () => {
  const options = { apiKey, baseUrl: 'http://127.0.0.1:1' };
  expect(nudge.create(nudge.options.parse(options)).issue?.cache).toBeUndefined();
  const kept = nudge.create(nudge.options.parse({ ...options, cache: { minRemainingSeconds: 120 } }));
  const { cache } = kept.issue as IssueAbility<'account'>;
  expect(cache?.minRemainingSeconds).toBe(120);
  const keyOf = (minutes: number): unknown => cache?.key({ principal, parameters: { expiry_minutes: minutes } });
  expect(keyOf(5)).toEqual(keyOf(5));
  expect(keyOf(5)).not.toEqual(keyOf(6));
  expect(JSON.stringify(keyOf(5))).not.toContain(apiKey);
  const other = nudge.create(nudge.options.parse({ ...options, apiKey: 'other', cache: { minRemainingSeconds: 120 } }));
  expect(other.issue?.cache?.key({ principal, parameters: { expiry_minutes: 5 } })).not.toEqual(keyOf(5));
});

test('a life that no kept token could have left is refused, and a shorter ask is not kept', () => {
  const of = (expiryMinutes: number, minRemainingSeconds: number) =>
    nudge.options.safeParse({ apiKey, expiryMinutes, cache: { minRemainingSeconds } });
  expect(of(5, 299).success).toBe(true);
  expect(of(5, 300).error?.issues[0]?.path).toEqual(['cache', 'minRemainingSeconds']);
  const { issue } = nudge.create(nudge.options.parse({ apiKey, cache: { minRemainingSeconds: 600 } }));
  const keyFor = (minutes: number): unknown =>
    issue?.cache?.key({ principal, parameters: { expiry_minutes: minutes } });
  expect(keyFor(10)).toBeUndefined();
  expect(keyFor(11)).toMatchObject({ scope: 'expiryMins=11' });
});

test.each(['Transfer-Encoding', 'host', 'accept', 'a b', ''])('%j is no header for a key', (apiKeyHeader) => {
  expect(nudge.options.safeParse({ apiKey, apiKeyHeader }).success).toBe(false);
});
