import { sandboxMarker } from '@valetkey/core-types';
import { createRemoteJWKSet, decodeJwt, decodeProtectedHeader, jwtVerify } from 'jose';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { z } from 'zod';
import { createSandbox, sandboxCredentials, sandboxVendors, type Sandbox } from './index.ts';
import { postJson } from './testing/request.ts';

let sandbox: Sandbox;
beforeAll(async () => {
  sandbox = await createSandbox();
});
beforeEach(() => {
  sandbox.resetCalls();
  sandbox.setFaults([]);
});
afterAll(() => sandbox.close());

const putFaults = (body: unknown) =>
  fetch(`${sandbox.origin}/_faults`, {
    method: 'PUT',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });

test('marks every credential as the sandbox’s own', () => {
  const { customer: _customer, ...nymbl } = sandboxCredentials.nymbl;
  const credentials = [
    sandboxCredentials.nabla,
    sandboxCredentials.nudge,
    nymbl,
    sandboxCredentials.authgear,
    sandboxCredentials.vital,
  ];
  for (const value of credentials.flatMap((group) => Object.values(group))) expect(value).toContain(sandboxMarker);
});

test('says what is where', async () => {
  const page = await (await fetch(sandbox.origin)).text();
  for (const vendor of sandboxVendors) expect(page).toContain(`/${vendor}`);
  for (const own of ['/_calls', '/_faults', '/_state']) expect(page).toContain(own);
  // The examples are good as they stand.
  for (const [, method, path, body] of page.matchAll(/(PUT|POST) +(\/_\w+) +(\{.+\})/g)) {
    await using other = await createSandbox();
    const headers = { 'content-type': 'application/json' };
    expect((await fetch(`${other.origin}${path}`, { method: method ?? '', headers, body: body ?? '' })).ok).toBe(true);
  }
});

test('refuses a taken port with the error of the system', async () => {
  const port = Number(new URL(sandbox.origin).port);
  await expect(createSandbox({ port })).rejects.toMatchObject({ code: 'EADDRINUSE' });
});

test.each([
  [{ prot: 1 }, 'prot'],
  [{ port: -1 }, 'port'],
  [{ vital: { region: 'mars' } }, 'vital.region'],
  [{ nabla: { errorBody: 'no' } }, 'nabla.errorBody'],
])('refuses the options %j by their name', async (options, name) => {
  // As a program without types would call it.
  await expect(Reflect.apply(createSandbox, undefined, [options])).rejects.toThrow(name);
});

test('counts calls by the vendor’s own route, and unknown ones by what they asked for', async () => {
  await fetch(`${sandbox.urls.nabla}/v1/server/jwt/patient/authenticate/alice`);
  await fetch(`${sandbox.urls.nabla}/v1/server/jwt/patient/authenticate/bob%2Fcarol?x=1`);
  await fetch(`${sandbox.urls.nymbl}/Patients('acme-corp-1')`);
  await fetch(`${sandbox.urls.vital}/nowhere?x=1`, { method: 'POST' });
  const counts = await (await fetch(`${sandbox.origin}/_calls`)).json();
  expect(counts).toEqual(sandbox.calls());
  expect(counts).toMatchObject({
    nabla: { 'GET /v1/server/jwt/patient/authenticate/{user_id}': 2 },
    nymbl: { 'GET /Patients({id})': 1 },
    vital: { 'POST /nowhere (unknown)': 1 },
    idp: {},
  });
  expect((await fetch(`${sandbox.origin}/_calls`, { method: 'DELETE' })).status).toBe(204);
  expect(sandbox.calls().nabla).toEqual({});
});

test('mints the tokens of a user, over HTTP and in code', async () => {
  const answer = await fetch(`${sandbox.urls.idp}/dev-token`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: '{"sub":"alice"}',
  });
  const body = z
    .object({ access_token: z.string() })
    .loose()
    .parse(await answer.json());
  expect(body).toEqual({ access_token: expect.any(String), token_type: 'Bearer', expires_in: 3600 });
  const jwks = createRemoteJWKSet(new URL(`${sandbox.urls.idp}/jwks`));
  const rules = { issuer: sandbox.urls.idp, audience: 'valetkey', typ: 'at+jwt' };
  const { payload } = await jwtVerify(body.access_token, jwks, rules);
  expect(payload).toMatchObject({
    sub: 'alice',
    client_id: expect.any(String),
    jti: expect.any(String),
    scope: 'openid',
  });

  for (const algorithm of ['ES256', 'EdDSA'] as const) {
    const token = await sandbox.mintUserToken({ sub: 'bob', algorithm, claims: { plan: 'gold' } });
    expect((await jwtVerify(token, jwks, rules)).payload).toMatchObject({ sub: 'bob', plan: 'gold' });
    expect(decodeProtectedHeader(token).alg).toBe(algorithm);
  }
  const wrong = await sandbox.mintUserToken({ sub: 'eve', expires_in: -5, issuer: 'https://evil.example', typ: 'JWT' });
  const { iss, iat = 0, exp = 0 } = decodeJwt(wrong);
  expect(iss).toBe('https://evil.example');
  expect(iat).toBeLessThan(exp);
  await expect(jwtVerify(wrong, jwks)).rejects.toMatchObject({ code: 'ERR_JWT_EXPIRED' });
});

test.each([['{"sub":"alice","admin":true}'], ['{}'], ['not json'], ['[]'], ['{"sub":"alice","algorithm":"none"}']])(
  'refuses the dev token request %s',
  async (body) => {
    const headers = { 'content-type': 'application/json' };
    expect((await fetch(`${sandbox.urls.idp}/dev-token`, { method: 'POST', headers, body })).status).toBe(400);
  },
);

test('takes its own requests only as JSON, which a foreign web page cannot send', async () => {
  expect((await fetch(`${sandbox.urls.idp}/dev-token`, { method: 'POST', body: '{"sub":"alice"}' })).status).toBe(415);
});

test('rotates and withdraws keys', async () => {
  const verify = (token: string) => jwtVerify(token, createRemoteJWKSet(new URL(`${sandbox.urls.idp}/jwks`)));
  const before = await sandbox.mintUserToken({ sub: 'alice' });
  await sandbox.rotateKeys('idp');
  const after = await sandbox.mintUserToken({ sub: 'alice' });
  expect(decodeProtectedHeader(after).kid).not.toBe(decodeProtectedHeader(before).kid);
  await expect(verify(before)).resolves.toBeDefined();
  const devKeys = await postJson(`${sandbox.urls.idp}/dev-keys`, { action: 'withdraw' });
  expect(devKeys.status).toBe(200);
  await expect(verify(before)).rejects.toMatchObject({ code: 'ERR_JWKS_NO_MATCHING_KEY' });
  await expect(verify(after)).resolves.toBeDefined();
  await sandbox.rotateKeys('idp');
  await sandbox.withdrawKeys('idp');
  await expect(verify(after)).rejects.toMatchObject({ code: 'ERR_JWKS_NO_MATCHING_KEY' });
  await expect(sandbox.mintUserToken(JSON.parse('{"sub":"alice","admin":true}'))).rejects.toThrow('admin');
});

test('replaces faults over HTTP and shows what is left of them', async () => {
  const rule = { vendor: 'nudge', fault: { type: 'status', status: 503 }, count: 2 };
  expect((await putFaults({ faults: [rule] })).status).toBe(200);
  const call = () =>
    fetch(`${sandbox.urls.nudge}/api/clients/jwt/token`, { headers: { apiKey: sandboxCredentials.nudge.apiKey } });
  expect((await call()).status).toBe(503);
  expect(await (await fetch(`${sandbox.origin}/_faults`)).json()).toMatchObject({
    faults: [{ vendor: 'nudge', count: 1 }],
  });
  expect((await call()).status).toBe(503);
  expect((await call()).status).toBe(200);
  expect(sandbox.faults()).toEqual([]);
});

test.each([
  [{ faults: [{ vendor: 'nobody', fault: { type: 'hang' } }] }],
  [{ faults: [{ vendor: 'nabla', fault: { type: 'sulk' } }] }],
  [{ faults: [{ vendor: 'nabla', fault: { type: 'hang', extra: 1 } }] }],
  [{ faults: [{ vendor: 'nabla', route: 'GET /typo', fault: { type: 'hang' } }] }],
  [{ faults: [], extra: 1 }],
  [[]],
])('refuses the faults %j', async (body) => {
  expect((await putFaults(body)).status).toBe(400);
});
