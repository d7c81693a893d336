import { createRemoteJWKSet, jwtVerify } from 'jose';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { z } from 'zod';
import {
  bearerToken,
  control,
  createCredentialList,
  createSandbox,
  credentialsSchema,
  defineSimulation,
  jsonResponse,
  nowSeconds,
  sandboxVendors,
  type SimulatedResponse,
  type Sandbox,
} from '../index.ts';
import { changeState } from '../testing/sandbox-requests.ts';
import { request, textField } from '../testing/request.ts';

/** A vendor with two services that is not one of the built-in simulations. */
const acme = defineSimulation({
  id: 'acme',
  title: 'Acme',
  options: z.strictObject({ lifetimeSeconds: z.number().int().default(600) }),
  credentials: { apiKey: 'sandbox-only-acme-key' },
  services: {
    acme: { title: 'Acme Rooms', sample: 'POST /v1/tokens/{user_id}', simulates: 'tokens' },
    'acme-idp': { title: 'Acme Login', sample: 'GET  /jwks', simulates: 'keys' },
  },
  signingKeys: { 'acme-idp': ['ES256'] },
  dev: ({ urls, credentials, issuer }) => ({ baseUrl: urls.acme, apiKey: credentials.apiKey, issuer }),
  acceptedIssuer: ({ urls }) => ({ issuer: urls.acmeIdp, audiences: ['acme'] }),

  simulate({ clock, urlOf, keys, credentials }, { lifetimeSeconds }) {
    const apiKeys = createCredentialList([credentials.apiKey]);
    const signer = keys['acme-idp'];
    const issued: string[] = [];
    const failure = (status: number): SimulatedResponse => jsonResponse(status, { error: status });

    return {
      services: {
        acme: {
          failure,
          routes: {
            'POST /v1/tokens/{user_id}': async (call) => {
              if (!apiKeys.accepts(bearerToken(call))) return failure(401);
              const sub = call.wrongUser ? 'wrong-user' : (call.parameters['user_id'] ?? '');
              issued.push(sub);
              const iat = nowSeconds(clock);
              const claims = { iss: urlOf('acme-idp'), sub, iat, exp: iat + lifetimeSeconds };
              return jsonResponse(200, { token: await signer.sign(claims, { flaw: call.tokenFlaw }) });
            },
          },
        },
        'acme-idp': { failure, routes: { 'GET /jwks': async () => jsonResponse(200, await signer.jwks()) } },
      },
      controls: { setApiKeys: control(credentialsSchema, apiKeys.replace) },
      state: { issued: (): readonly string[] => [...issued] },
    };
  },
});

let sandbox: Sandbox<[typeof acme]>;
beforeEach(async () => {
  sandbox = await createSandbox({ simulations: [acme], acme: { lifetimeSeconds: 60 } });
});
afterEach(() => sandbox.close());

const issue = (key: string = sandbox.credentials.acme.apiKey) =>
  request(`${sandbox.urls.acme}/v1/tokens/alice`, { method: 'POST', headers: { authorization: `Bearer ${key}` } });

test('an added simulation runs beside the built-in ones, with URLs, credentials, options and state', async () => {
  expect(Object.keys(sandbox.urls)).toEqual(expect.arrayContaining(['acme', 'acmeIdp', 'nabla', 'idp']));
  expect(sandbox.credentials).toMatchObject({ acme: acme.credentials, nudge: expect.anything() });
  const jwks = createRemoteJWKSet(new URL(`${sandbox.urls.acmeIdp}/jwks`));
  const { payload } = await jwtVerify(textField(await issue(), 'token'), jwks);
  const { iss, sub, iat = 0, exp } = payload;
  expect([iss, sub, exp]).toEqual([sandbox.urls.acmeIdp, 'alice', iat + 60]);
  expect(sandbox.acme.issued()).toEqual(['alice']);
});

test('the controls of an added simulation work in code and through POST /_state', async () => {
  sandbox.acme.setApiKeys(['next']);
  expect((await issue()).status).toBe(401);
  expect((await issue('next')).status).toBe(200);
  await changeState(sandbox, { acme: { setApiKeys: ['last'] } });
  expect((await issue('next')).status).toBe(401);
  expect((await issue('last')).status).toBe(200);
});

test('the signing keys of an added simulation rotate in code and through POST /_state', async () => {
  const count = async () => {
    const { fields } = await request(`${sandbox.urls.acmeIdp}/jwks`);
    return Array.isArray(fields['keys']) ? fields['keys'].length : 0;
  };
  await sandbox.rotateKeys('acme-idp');
  await changeState(sandbox, { keys: { rotate: ['acme-idp'] } });
  expect(await count()).toBe(3);
  await sandbox.withdrawKeys('acme-idp');
  expect(await count()).toBe(1);
});

test('calls of an added simulation are counted by its route patterns', async () => {
  await issue();
  await request(`${sandbox.urls.acmeIdp}/nowhere`);
  expect(sandbox.calls()).toMatchObject({
    acme: { 'POST /v1/tokens/{user_id}': 1 },
    'acme-idp': { 'GET /nowhere (unknown)': 1 },
    nabla: {},
  });
});

test('faults affect an added simulation, in code and through PUT /_faults', async () => {
  sandbox.setFaults([{ vendor: 'acme', route: 'POST /v1/tokens/{user_id}', fault: { type: 'rate-limit' } }]);
  expect(await issue()).toMatchObject({ status: 429, fields: { error: 429 } });
  const put = await request(`${sandbox.origin}/_faults`, {
    method: 'PUT',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ faults: [{ vendor: 'acme', fault: { type: 'wrong-user' } }] }),
  });
  expect(put.status).toBe(200);
  await issue();
  expect(sandbox.acme.issued()).toEqual(['wrong-user']);
});

test('the front page shows an added simulation and its controls', async () => {
  const { text: page } = await request(sandbox.origin);
  expect(page).toMatch(/^ {2}Acme Rooms\n {4}POST \/acme\/v1\/tokens\/\{user_id\}$/m);
  expect(page).toMatch(/^ {2}Acme Login\n {4}GET {2}\/acme-idp\/jwks$/m);
  expect(page).toMatch(/^ +acme: setApiKeys$/m);
});

test('a sandbox has the options of a broker’s connection to an added simulation, and the issuer that it adds', () => {
  const { urls } = sandbox;
  const connection = { baseUrl: urls.acme, apiKey: 'sandbox-only-acme-key', issuer: urls.idp };
  expect(sandbox.connections).toMatchObject({ acme: connection, nudge: expect.anything() });
  expect(sandbox.issuers).toContainEqual({ issuer: urls.acmeIdp, audiences: ['acme'] });
});

test('a simulation of one sandbox does not appear in another sandbox', async () => {
  await using other = await createSandbox();
  expect(other.urls).not.toHaveProperty('acme');
  expect(sandboxVendors).not.toContain('acme');
});

/** Defines a simulation without routes, with the given names. */
const defineEmptySimulation = (id: string, service: string, issuer: string) =>
  defineSimulation({
    id,
    title: 'Nothing',
    services: { [service]: { title: 'Nothing', sample: 'GET /', simulates: 'nothing' } },
    signingKeys: { [issuer]: ['ES256'] },
    simulate: () => ({ services: { [service]: { routes: {}, failure: (status) => jsonResponse(status, {}) } } }),
  });

test.each([
  ['nabla', 'other', 'other', 'two simulations have the id nabla'],
  ['other', 'vital-auth', 'other', 'two simulations have the service vital-auth'],
  ['other', 'other', 'idp', 'two simulations have the issuer idp'],
  ['keys', 'other', 'other', 'no simulation may have the id keys'],
])(
  'createSandbox rejects an added simulation with the id %s, the service %s and the issuer %s',
  async (id, service, issuer, message) => {
    const simulations = [defineEmptySimulation(id, service, issuer)];
    await expect(createSandbox({ simulations })).rejects.toThrow(message);
  },
);

test('createSandbox rejects an added simulation whose id is a property or an option of a sandbox', async () => {
  const members = Object.keys(sandbox).filter((name) => /^[a-z]+$/.test(name) && name !== 'acme');
  const ids = [...members, 'host', 'port', 'clock', 'random', 'sleep', 'simulations'];
  expect(ids).toEqual(expect.arrayContaining(['origin', 'calls', 'faults', 'close', 'connections', 'issuers']));
  for (const id of ids) {
    const simulations = [defineEmptySimulation(id, 'other', 'other')];
    await expect(createSandbox({ simulations })).rejects.toThrow(TypeError);
  }
});

test.each([
  ['Acme', 'acme', 'acme', 'id'],
  ['acme', 'Acme Rooms', 'acme', 'services'],
  ['acme', 'acme', 'acme_idp', 'signingKeys'],
])(
  'defineSimulation throws for the names "%s", "%s" and "%s", of which one is not kebab-case',
  (id, service, issuer, field) => {
    expect(() => defineEmptySimulation(id, service, issuer)).toThrow(TypeError);
    expect(() => defineEmptySimulation(id, service, issuer)).toThrow(field);
  },
);

test('defineSimulation throws for a simulation without services', () => {
  const define = () =>
    defineSimulation({ id: 'acme', title: 'Acme', services: {}, simulate: () => ({ services: {} }) });
  expect(define).toThrow('services');
});
