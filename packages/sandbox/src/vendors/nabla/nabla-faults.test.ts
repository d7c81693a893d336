import { decodeJwt } from 'jose';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createSandbox, type Sandbox } from '../../index.ts';
import { failRoute } from '../../testing/sandbox-requests.ts';
import { postJson, request, textField } from '../../testing/request.ts';

let sandbox: Sandbox;
beforeAll(async () => {
  sandbox = await createSandbox();
});
afterAll(() => sandbox.close());

test('a fault of Nabla with status 401 sends the body of a refused refresh token', async () => {
  const { status, fields } = await failRoute(sandbox, 'nabla', 'POST /v1/patient/jwt/refresh', 401);
  expect([status, fields]).toEqual([401, { code: 401, message: 'Unauthorized' }]);
});

test('with wrong-user, Nabla’s tokens, refreshes and patient data are about a different patient', async () => {
  const { nabla } = sandbox.urls;
  const headers = { authorization: `Bearer ${sandbox.credentials.nabla.serverKey}` };
  const authenticate = () => request(`${nabla}/v1/server/jwt/patient/authenticate/alice`, { headers });
  sandbox.setFaults([]);
  const own = await authenticate();
  sandbox.setFaults([{ vendor: 'nabla', fault: { type: 'wrong-user' } }]);
  const wrong = await authenticate();
  const subjects = ['access_token', 'refresh_token'].map((field) => decodeJwt(textField(wrong, field)).sub);
  expect(subjects).toEqual(['wrong-user', 'wrong-user']);
  const patient = { 'x-nabla-authorization': `Bearer ${textField(own, 'access_token')}` };
  const read = await postJson(`${nabla}/v1/patient/graphql/sdk/authenticated`, {}, patient);
  expect(read.fields).toEqual({ data: { me: { id: 'wrong-user' } } });
  const refreshed = await postJson(`${nabla}/v1/patient/jwt/refresh`, {
    refresh_token: textField(own, 'refresh_token'),
  });
  expect(decodeJwt(textField(refreshed, 'access_token')).sub).toBe('wrong-user');
});
