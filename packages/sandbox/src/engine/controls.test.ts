import { afterEach, beforeEach, expect, test } from 'vitest';
import { createSandbox, sandboxCredentials, type Sandbox } from '../index.ts';
import { changeState } from '../testing/sandbox-requests.ts';
import { postJson, request } from '../testing/request.ts';

let sandbox: Sandbox;
beforeEach(async () => {
  sandbox = await createSandbox();
});
afterEach(() => sandbox.close());

async function nudgeStatus(): Promise<number> {
  const headers = { apiKey: sandboxCredentials.nudge.apiKey };
  return (await request(`${sandbox.urls.nudge}/api/clients/jwt/token`, { headers })).status;
}

async function nablaStatus(): Promise<number> {
  const headers = { authorization: `Bearer ${sandboxCredentials.nabla.serverKey}` };
  return (await request(`${sandbox.urls.nabla}/v1/server/jwt/patient/authenticate/alice`, { headers })).status;
}

async function countPublishedKeys(path: string): Promise<number> {
  const { fields } = await request(`${sandbox.origin}${path}`);
  return Array.isArray(fields['keys']) ? fields['keys'].length : 0;
}

test('after POST /_state rotates the keys of an issuer, the previous keys stay published until they are withdrawn', async () => {
  const paths = ['/authgear/oauth2/jwks', '/nymbl-idp/.well-known/jwks.json'];
  const counts = () => Promise.all(paths.map(countPublishedKeys));
  expect(await counts()).toEqual([1, 1]);
  await changeState(sandbox, { keys: { rotate: ['authgear', 'nymbl-idp', 'vital'] } });
  expect(await counts()).toEqual([2, 2]);
  await changeState(sandbox, { keys: { withdraw: ['authgear'] } });
  expect(await counts()).toEqual([1, 2]);
  await changeState(sandbox, { keys: { rotate: ['nymbl-idp'], withdraw: ['nymbl-idp'] } });
  expect(await counts()).toEqual([1, 1]);
});

test.each([
  [{ nobody: {} }],
  [{ idp: { setIssuers: [] } }],
  [{ nudge: { setApiKey: ['next'] } }],
  [{ nudge: { setApiKeys: 'next' } }],
  [{ nudge: { setApiKeys: [''] } }],
  [{ nudge: { setTokensEnabled: 'no' } }],
  [{ nymbl: { revokeTokens: false } }],
  [{ vital: { createUser: 'alice' } }],
  [{ keys: { rotate: ['vital-auth'] } }],
  [[]],
])('POST /_state refuses a request with the invalid part %j and changes nothing', async (body) => {
  const whole = Array.isArray(body) ? body : { nabla: { setServerKeys: [] }, ...body };
  const response = await postJson(`${sandbox.origin}/_state`, whole);
  expect([response.status, response.fields['error']]).toEqual([400, 'invalid_request']);
  expect(await nablaStatus()).toBe(200);
});

test('POST /_state requires a content type that a web page of another origin cannot send', async () => {
  const body = JSON.stringify({ nudge: { setApiKeys: [] } });
  expect((await request(`${sandbox.origin}/_state`, { method: 'POST', body })).status).toBe(415);
  expect(await nudgeStatus()).toBe(200);
});
