import { decodeJwt, decodeProtectedHeader } from 'jose';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createSandbox, sandboxCredentials, type Sandbox } from '../../index.ts';
import { request, text } from '../../testing/request.ts';

let sandbox: Sandbox;
beforeEach(async () => {
  sandbox = await createSandbox();
});
afterEach(() => sandbox.close());

const { apiKey } = sandboxCredentials.nudge;
const issue = (query = '', headers: Readonly<Record<string, string>> = { apiKey }) =>
  request(`${sandbox.urls.nudge}/api/clients/jwt/token${query}`, { headers });

test.each([
  ['', 3600],
  ['?expiryMins=30', 1800],
  ['?expiryMins=1', 60],
])('answers a token of the account alone: %s', async (query, lifetime) => {
  const answer = await issue(query);
  expect(Object.keys(answer.fields)).toEqual(['token']);
  const token = text(answer, 'token');
  expect(decodeProtectedHeader(token)).toEqual({ alg: 'EdDSA', kid: expect.any(String) });
  const { iat = 0, exp, ...others } = decodeJwt(token);
  expect([exp, others]).toEqual([iat + lifetime, {}]);
});

test('refuses a missing and a wrong key, and lifetimes that are none', async () => {
  expect((await issue('', {})).status).toBe(401);
  expect((await issue('', { apiKey: 'wrong' })).status).toBe(401);
  expect((await issue('', { 'api-key': apiKey })).status).toBe(401);
  expect((await issue('', { APIKEY: apiKey })).status).toBe(200);
  for (const minutes of ['0', '-1', '1.5', 'soon', '', '9999999']) {
    expect((await issue(`?expiryMins=${minutes}`)).status).toBe(400);
  }
});

test('refuses an account that has not asked for the feature', async () => {
  sandbox.nudge.setTokensEnabled(false);
  expect((await issue()).status).toBe(403);
  sandbox.nudge.setTokensEnabled(true);
  sandbox.nudge.setApiKeys(['next']);
  expect((await issue()).status).toBe(401);
  expect((await issue('', { apiKey: 'next' })).status).toBe(200);
});
