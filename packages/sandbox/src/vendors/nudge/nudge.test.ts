import { decodeJwt, decodeProtectedHeader } from 'jose';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createSandbox, sandboxCredentials, type Sandbox } from '../../index.ts';
import { changeState, failRoute } from '../../testing/sandbox-requests.ts';
import { request, textField } from '../../testing/request.ts';

let sandbox: Sandbox;
beforeEach(async () => {
  sandbox = await createSandbox();
});
afterEach(() => sandbox.close());

const { apiKey } = sandboxCredentials.nudge;
const issue = (query = '', headers: Readonly<Record<string, string>> = { apiKey }) =>
  request(`${sandbox.urls.nudge}/api/clients/jwt/token${query}`, { headers });
const statusOf = async (key: string) => (await issue('', { apiKey: key })).status;

test.each([
  ['', 3600],
  ['?expiryMins=30', 1800],
  ['?expiryMins=1', 60],
])('Nudge issues a token of the account with the query "%s" that lives %i seconds', async (query, lifetime) => {
  const response = await issue(query);
  expect(Object.keys(response.fields)).toEqual(['token']);
  const token = textField(response, 'token');
  expect(decodeProtectedHeader(token)).toEqual({ alg: 'EdDSA', kid: expect.any(String) });
  const { iat = 0, exp, ...others } = decodeJwt(token);
  expect([exp, others]).toEqual([iat + lifetime, {}]);
});

test('Nudge refuses a missing or wrong API key and an invalid lifetime', async () => {
  expect((await issue('', {})).status).toBe(401);
  expect((await issue('', { apiKey: 'wrong' })).status).toBe(401);
  expect((await issue('', { 'api-key': apiKey })).status).toBe(401);
  expect((await issue('', { APIKEY: apiKey })).status).toBe(200);
  for (const minutes of ['0', '-1', '1.5', 'soon', '', '9999999']) {
    expect((await issue(`?expiryMins=${minutes}`)).status).toBe(400);
  }
});

test('Nudge refuses calls while short-lived tokens are disabled, and accepts only the API keys that are set', async () => {
  sandbox.nudge.setTokensEnabled(false);
  expect((await issue()).status).toBe(403);
  sandbox.nudge.setTokensEnabled(true);
  sandbox.nudge.setApiKeys(['next']);
  expect((await issue()).status).toBe(401);
  expect(await statusOf('next')).toBe(200);
});

test('POST /_state sets the API keys of Nudge and enables or disables its tokens', async () => {
  await changeState(sandbox, { nudge: { setApiKeys: ['next', 'last'] } });
  expect(await statusOf(apiKey)).toBe(401);
  expect(await statusOf('last')).toBe(200);
  await changeState(sandbox, { nudge: { setTokensEnabled: false } });
  expect(await statusOf('last')).toBe(403);
  await changeState(sandbox, { nudge: { setTokensEnabled: true, setApiKeys: [] } });
  expect(await statusOf('last')).toBe(401);
});

test('POST /_state rotates the signing keys of Nudge', async () => {
  const kid = async () => decodeProtectedHeader(textField(await issue(), 'token')).kid;
  const before = await kid();
  expect(await kid()).toBe(before);
  await changeState(sandbox, { keys: { rotate: ['nudge'] } });
  expect(await kid()).not.toBe(before);
});

test('a fault of Nudge with status 401 sends the body of a wrong API key', async () => {
  const { status, fields } = await failRoute(sandbox, 'nudge', 'GET /api/clients/jwt/token', 401);
  expect([status, fields]).toEqual([401, { statusCode: 401, message: 'Invalid API key' }]);
});
