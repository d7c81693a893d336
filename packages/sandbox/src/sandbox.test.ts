import { sandboxMarker } from '@valetkey/core-types';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { createSandbox, sandboxCredentials, sandboxVendors, simulations, type Sandbox } from './index.ts';
import { request, type ReadResponse } from './testing/request.ts';

let sandbox: Sandbox;
beforeAll(async () => {
  sandbox = await createSandbox();
});
beforeEach(() => {
  sandbox.resetCalls();
  sandbox.setFaults([]);
});
afterAll(() => sandbox.close());

function putFaults(body: unknown): Promise<ReadResponse> {
  return request(`${sandbox.origin}/_faults`, {
    method: 'PUT',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
}

test('every credential of the sandbox contains the sandbox marker', () => {
  const { customer: _customer, ...nymbl } = sandboxCredentials.nymbl;
  const groups = Object.values({ ...sandboxCredentials, nymbl });
  expect(groups).toHaveLength(simulations.length);
  for (const value of groups.flatMap((group) => Object.values(group))) expect(value).toContain(sandboxMarker);
});

test('the front page lists every service and every route of the sandbox itself, with examples that work', async () => {
  const { text: page } = await request(sandbox.origin);
  for (const vendor of sandboxVendors) expect(page).toContain(`/${vendor}`);
  for (const own of ['/_calls', '/_faults', '/_state']) expect(page).toContain(own);
  expect(page.split('\n').filter((line) => line.length > 80)).toEqual([]);
  const examples = [...page.matchAll(/(PUT|POST) +(\/_\w+) +(\{.+\})/g)];
  expect(examples).toHaveLength(2);
  for (const [, method, path, body] of examples) {
    await using other = await createSandbox();
    const headers = { 'content-type': 'application/json' };
    const { status } = await request(`${other.origin}${path}`, { method: method ?? '', headers, body: body ?? '' });
    expect([200, 204]).toContain(status);
  }
});

test('createSandbox rejects a taken port with EADDRINUSE', async () => {
  const port = Number(new URL(sandbox.origin).port);
  await expect(createSandbox({ port })).rejects.toMatchObject({ code: 'EADDRINUSE' });
});

test.each([
  [{ prot: 1 }, 'prot'],
  [{ port: -1 }, 'port'],
  [{ clock: { nowMs: 1 } }, 'clock'],
  [{ sleep: 1 }, 'sleep'],
  [{ vital: { region: 'mars' } }, 'vital.region'],
  [{ vital: { planet: 'mars' } }, 'vital.planet'],
  [{ nabla: { errorBody: 'no' } }, 'nabla.errorBody'],
  [{ idp: {} }, 'idp'],
  [{ simulations: [{}] }, 'simulations.0'],
])('createSandbox rejects the options %j and names %s', async (options, name) => {
  // A program without types would call it like this.
  await expect(Reflect.apply(createSandbox, undefined, [options])).rejects.toThrow(TypeError);
  await expect(Reflect.apply(createSandbox, undefined, [options])).rejects.toThrow(name);
});

test('calls are counted by the vendor’s route pattern, and calls of unknown paths by their path', async () => {
  await request(`${sandbox.urls.nabla}/v1/server/jwt/patient/authenticate/alice`);
  await request(`${sandbox.urls.nabla}/v1/server/jwt/patient/authenticate/bob%2Fcarol?x=1`);
  await request(`${sandbox.urls.nymbl}/Patients('acme-corp-1')`);
  await request(`${sandbox.urls.vital}/nowhere?x=1`, { method: 'POST' });
  const { fields: counts } = await request(`${sandbox.origin}/_calls`);
  expect(counts).toEqual(sandbox.calls());
  expect(counts).toMatchObject({
    nabla: { 'GET /v1/server/jwt/patient/authenticate/{user_id}': 2 },
    nymbl: { 'GET /Patients({id})': 1 },
    vital: { 'POST /nowhere (unknown)': 1 },
    idp: {},
  });
  expect((await request(`${sandbox.origin}/_calls`, { method: 'DELETE' })).status).toBe(204);
  expect(sandbox.calls().nabla).toEqual({});
});

test('PUT /_faults replaces the faults, and GET /_faults returns the remaining ones', async () => {
  const rule = { vendor: 'nudge', fault: { type: 'status', status: 503 }, count: 2 };
  expect((await putFaults({ faults: [rule] })).status).toBe(200);
  const headers = { apiKey: sandboxCredentials.nudge.apiKey };
  const call = () => request(`${sandbox.urls.nudge}/api/clients/jwt/token`, { headers });
  expect((await call()).status).toBe(503);
  expect((await request(`${sandbox.origin}/_faults`)).fields).toMatchObject({
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
])('PUT /_faults refuses %j', async (body) => {
  expect((await putFaults(body)).status).toBe(400);
});

test('rotateKeys and withdrawKeys reject an issuer that does not exist', async () => {
  for (const change of [sandbox.rotateKeys, sandbox.withdrawKeys]) {
    await expect(Reflect.apply(change, undefined, ['nobody'])).rejects.toThrow('nobody');
  }
});

test('a sandbox has the options of a broker’s connection to every vendor, and the issuer to accept', () => {
  const { urls, credentials } = sandbox;
  expect(sandbox.issuers).toEqual([{ issuer: urls.idp, audiences: ['valetkey'] }]);
  expect(sandbox.connections).toMatchObject({
    nabla: {
      baseUrl: urls.nabla,
      serverKey: credentials.nabla.serverKey,
      patientIdClaim: 'sub',
      user: { claim: 'sub', issuer: urls.idp },
    },
    nudge: { baseUrl: urls.nudge, apiKey: credentials.nudge.apiKey },
    nymbl: {
      baseUrl: urls.nymbl,
      tokenUrl: `${urls.nymblIdp}/oauth2/token`,
      clientId: credentials.nymbl.clientId,
      clientSecret: credentials.nymbl.clientSecret,
      apiKey: credentials.nymbl.apiKey,
      customer: { value: credentials.nymbl.customer },
      allow: [
        { method: 'GET', path: '/Patients' },
        { method: 'GET', path: '/Patients({id})' },
      ],
    },
    authgear: { endpoint: urls.authgear },
    vital: { baseUrl: urls.vital, apiKey: credentials.vital.apiKey, environment: 'sandbox', region: 'us' },
  });
});
