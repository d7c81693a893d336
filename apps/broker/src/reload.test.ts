import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { isSameValue, type VendorDefinition } from '@valetkey/core-types';
import { createSandbox, simulateRecipe, type Sandbox } from '@valetkey/sandbox';
import { findRecipe, recipes } from '@valetkey/vendor-clients';
import { issuesTokens, sampleOf } from '@valetkey/vendor-clients/recipe';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { z } from 'zod';
import { startWrittenVendor } from '../test/support/written-vendor.ts';
import { createVendorGate, heldAtGate, type VendorGate } from '../test/support/vendor-gate.ts';
import { assemble, type AssembledBroker } from './assemble.ts';
import { ConfigError } from './config/config-error.ts';
import { parseConfig } from './config/parse-config.ts';
import { vendorPartsOf } from './vendors/connections.ts';

setFlagsFromString('--expose_gc');
const collectGarbage = runInNewContext('gc') as () => void;

const polling = { interval: 5, timeout: 20_000 };

let gate: VendorGate;
let sandbox: Sandbox;
let other: Sandbox;
const opened: AssembledBroker[] = [];
beforeEach(async () => {
  gate = createVendorGate();
  sandbox = await createSandbox({ sleep: gate.sleep });
  other = await createSandbox();
});
afterEach(async () => {
  for (const broker of opened.splice(0)) await broker.close().catch(() => undefined);
  await sandbox.close();
  await other.close();
});

function fieldsOf(changes: Readonly<Record<string, unknown>> = {}) {
  const { urls, credentials } = sandbox;
  return {
    listen: { port: 0 },
    admin: { port: 0, token: 'a-token-of-the-operator-of-32-characters' },
    store: { sqlite: ':memory:' },
    log: { level: 'silent' },
    issuers: [{ issuer: urls.idp, audiences: ['valetkey'] }],
    vendors: {
      nudge: { baseUrl: urls.nudge, apiKey: credentials.nudge.apiKey, timeoutMs: 60_000 },
      vital: { baseUrl: urls.vital, apiKey: credentials.vital.apiKey, environment: 'sandbox', region: 'us' },
    },
    ...changes,
  };
}

const withNudge = (changes: Readonly<Record<string, unknown>>, fields = fieldsOf()) => ({
  ...fields,
  vendors: { ...fields.vendors, nudge: { ...fields.vendors.nudge, ...changes } },
});

async function startBroker(fields: object = fieldsOf()) {
  const broker = assemble(parseConfig(fields));
  opened.push(broker);
  const { brokerUrl, adminUrl } = await broker.listen();
  const token = await sandbox.mintUserToken({ sub: 'alice' });
  const call = (path: string, bearer = token, init: RequestInit = {}) =>
    fetch(brokerUrl + path, { ...init, headers: { authorization: `Bearer ${bearer}` } });
  return {
    broker,
    brokerUrl,
    token,
    call,
    issue: async (connection = 'nudge', bearer = token) =>
      (await call(`/v1/vendors/${connection}/token`, bearer, { method: 'POST' })).status,
    reload: (changed: object) => broker.reload(async () => parseConfig(changed)),
    readiness: async () => (await fetch(`${adminUrl}/readyz`)).json() as Promise<Record<string, string>>,
    metrics: async () => (await fetch(`${adminUrl}/metrics`)).text(),
  };
}

const keyFetches = (from = sandbox) => from.calls()['idp']?.['GET /jwks'] ?? 0;
const nudgeCalls = () => sandbox.calls()['nudge']?.['GET /api/clients/jwt/token'] ?? 0;

test('each connection of the sandbox and of the catalog is the same after it is parsed again', async () => {
  const simulations = Object.keys(recipes).flatMap((id) => {
    const vendor = findRecipe(id);
    return vendor === undefined || !issuesTokens(vendor) ? [] : [simulateRecipe(sampleOf(vendor.recipe))];
  });
  const everything = await createSandbox({ simulations });
  const { connections, issuers } = everything;
  await everything.close();
  const parse = () =>
    parseConfig(structuredClone({ issuers: [...issuers], vendors: connections })).connections.map(vendorPartsOf);
  const [before, after] = [parse(), parse()];
  expect(before.length).toBeGreaterThan(20);
  expect(before.map((parts, index) => isSameValue(parts, after[index]))).toEqual(before.map(() => true));
});

test('a reload keeps the keys, the verified tokens and the vendors that did not change', async () => {
  const wayOut = { proxy: false, noProxy: ['10.0.0.0/8'], allow: ['10.0.0.0/8', 'fd00::/8', 'vendor.internal'] };
  const { broker, issue, reload: reloadFields } = await startBroker(fieldsOf({ egress: wayOut }));
  const reload = (fields: object) => reloadFields({ ...fields, egress: wayOut });
  expect([await issue(), await issue('vital')]).toEqual([200, 200]);
  const { verifier, egress, callerLimits, connections } = broker.parts;
  const keysBefore = keyFetches();
  const vitalCalls = sandbox.calls()['vital'];
  await reload(withNudge({ requiredScopes: [], timeoutMs: 50_000 }));
  expect(broker.parts.verifier).toBe(verifier);
  expect(broker.parts.egress).toBe(egress);
  expect(broker.parts.callerLimits).toBe(callerLimits);
  expect(broker.parts.connections.get('vital')?.vendor).toBe(connections.get('vital')?.vendor);
  expect(broker.parts.connections.get('nudge')?.vendor).not.toBe(connections.get('nudge')?.vendor);
  expect(await issue()).toBe(200);
  expect(keyFetches()).toBe(keysBefore);
  expect(sandbox.calls()['vital']).toEqual(vitalCalls);
});

test('a reload of a policy keeps the vendor of its connection, and decides each later request', async () => {
  const { broker, issue, reload } = await startBroker();
  expect(await issue()).toBe(200);
  const { vendor } = broker.parts.connections.get('nudge') ?? {};
  await reload(withNudge({ requiredScopes: ['nudge'] }));
  expect(await issue()).toBe(403);
  expect(broker.parts.connections.get('nudge')?.vendor).toBe(vendor);
  await reload(fieldsOf());
  expect(await issue()).toBe(200);
});

test('a reload of other connections leaves the TCP connection to a vendor open', async () => {
  const sockets = new Set<unknown>();
  let requests = 0;
  await using vendor = await startWrittenVendor((response, { socket }) => {
    sockets.add(socket);
    requests += 1;
    response.writeHead(200, { 'content-type': 'application/json' }).end('[]');
  });
  const { urls, credentials } = sandbox;
  const withNymbl = (fields: ReturnType<typeof fieldsOf>) => ({
    ...fields,
    vendors: {
      ...fields.vendors,
      nymbl: {
        baseUrl: vendor.url,
        tokenUrl: `${urls.nymblIdp}/oauth2/token`,
        clientId: credentials.nymbl.clientId,
        clientSecret: credentials.nymbl.clientSecret,
        apiKey: credentials.nymbl.apiKey,
        customer: { value: credentials.nymbl.customer },
        allow: [{ method: 'GET', path: '/Patients' }],
      },
    },
  });
  const { call, reload } = await startBroker(withNymbl(fieldsOf()));
  const readPatients = async () => {
    const response = await call('/v1/vendors/nymbl/proxy/Patients');
    await response.text();
    return response.status;
  };
  expect(await readPatients()).toBe(200);
  await reload(withNymbl(withNudge({ apiKey: 'another-key' }) as ReturnType<typeof fieldsOf>));
  expect(await readPatients()).toBe(200);
  expect({ requests, sockets: sockets.size }).toEqual({ requests: 2, sockets: 1 });
  expect(sandbox.calls()['nymbl-idp']).toEqual({ 'POST /oauth2/token': 1 });
});

test('a server token that was issued with other options is not used after a reload, and one of the same options is', async () => {
  const { urls, credentials } = sandbox;
  const { clientId, clientSecret, apiKey, customer } = credentials.nymbl;
  const nymbl = {
    baseUrl: urls.nymbl,
    tokenUrl: `${urls.nymblIdp}/oauth2/token`,
    clientId,
    clientSecret,
    apiKey,
    customer: { value: customer },
    allow: [{ method: 'GET', path: '/Patients' }],
  };
  const { call, reload } = await startBroker(fieldsOf({ vendors: { nymbl } }));
  const readPatients = async () => (await call('/v1/vendors/nymbl/proxy/Patients')).status;
  const issued = () => sandbox.calls()['nymbl-idp']?.['POST /oauth2/token'];
  expect([await readPatients(), issued()]).toEqual([200, 1]);
  await reload(fieldsOf({ vendors: { nymbl: { ...nymbl, requiredScopes: [], issuers: [urls.idp] } } }));
  expect([await readPatients(), issued()]).toEqual([200, 1]);
  await reload(
    fieldsOf({ vendors: { nymbl: { ...nymbl, tokenUrl: nymbl.tokenUrl.replace('127.0.0.1', 'localhost') } } }),
  );
  expect([await readPatients(), issued()]).toEqual([200, 2]);
  await reload(fieldsOf({ vendors: { nymbl } }));
  expect([await readPatients(), issued()]).toEqual([200, 2]);
});

test('a request that began before a reload ends by the configuration that it began with', async () => {
  const { broker, issue, reload } = await startBroker();
  sandbox.setFaults([{ vendor: 'nudge', fault: heldAtGate }]);
  const running = issue();
  await expect.poll(nudgeCalls, polling).toBe(1);
  const { nudge: _removed, ...others } = fieldsOf().vendors;
  await reload(fieldsOf({ vendors: others }));
  expect(await issue()).toBe(404);
  expect([...broker.parts.connections.keys()]).toEqual(['vital']);
  gate.open();
  expect(await running).toBe(200);
});

test('a replaced vendor is closed when the last request of its configuration has ended, and not before', async () => {
  const closed: string[] = [];
  const { promise: held, resolve: release } = Promise.withResolvers<void>();
  const { promise: begun, resolve: begin } = Promise.withResolvers<void>();
  const acme = z.strictObject({ region: z.string() });
  const adapter: VendorDefinition = {
    id: 'acme',
    title: 'Acme',
    options: acme,
    credentials: [],
    create: (options) => {
      const { region } = options as { region: string };
      return {
        id: 'acme',
        issue: {
          bound: 'user',
          parameters: acme.partial(),
          issue: async () => {
            begin();
            if (region === 'one') await held;
            return { fields: { region } };
          },
        },
        close: async () => void closed.push(region),
      } as never;
    },
  };
  const fields = (region: string) =>
    fieldsOf({ adapters: [adapter], vendors: { acme: { region, user: { claim: 'sub' } } } });
  const { broker, call, issue, reload } = await startBroker(fields('one'));
  const running = call('/v1/vendors/acme/token', undefined, { method: 'POST' });
  await begun;
  await reload(fields('two'));
  expect(await issue('acme')).toBe(200);
  await reload(fields('three'));
  await expect.poll(() => closed, polling).toEqual(['two']);
  release();
  expect(await (await running).json()).toMatchObject({ region: 'one' });
  await expect.poll(() => closed, polling).toEqual(['two', 'one']);
  await broker.close();
  expect(closed).toEqual(['two', 'one', 'three']);
});

test('the parts of a replaced configuration do not stay in memory, although later ones keep what they have in common', async () => {
  const { broker, reload } = await startBroker();
  const change = (number: number) =>
    reload({
      ...withNudge({ timeoutMs: 50_000 + number }),
      issuers: [{ issuer: sandbox.urls.idp, audiences: ['valetkey', String(number)] }],
      callerLimits: { requestsPerMinute: 1_000 + number },
    });
  await change(1);
  const replaced = new WeakRef(broker.parts);
  for (const number of [2, 3]) await change(number);
  // The parts may not be collected before the promises that hold them are settled.
  await expect
    .poll(() => {
      collectGarbage();
      return replaced.deref();
    }, polling)
    .toBeUndefined();
});

test('a reload adds and removes an issuer, and fetches the keys of the added one alone before it is used', async () => {
  const { issue, reload } = await startBroker();
  const foreign = await other.mintUserToken({ sub: 'bob' });
  expect([await issue(), await issue('nudge', foreign)]).toEqual([200, 401]);
  const keysBefore = keyFetches();
  const both = [
    { issuer: sandbox.urls.idp, audiences: ['valetkey'] },
    { issuer: other.urls.idp, audiences: ['valetkey'] },
  ];
  await reload(fieldsOf({ issuers: both }));
  expect(keyFetches(other)).toBe(1);
  expect([await issue(), await issue('nudge', foreign)]).toEqual([200, 200]);
  await reload(fieldsOf());
  expect([await issue(), await issue('nudge', foreign)]).toEqual([200, 401]);
  expect([keyFetches(), keyFetches(other)]).toEqual([keysBefore, 1]);
});

test('a reload serves web pages of an added origin, by the TCP connections that are open', async () => {
  const { brokerUrl, reload } = await startBroker();
  const preflight = () =>
    fetch(`${brokerUrl}/v1/session`, {
      method: 'OPTIONS',
      headers: { origin: 'https://app.example.com', 'access-control-request-method': 'GET' },
    });
  expect((await preflight()).headers.get('access-control-allow-origin')).toBeNull();
  await reload(fieldsOf({ cors: { origins: ['https://app.example.com'] } }));
  expect((await preflight()).headers.get('access-control-allow-origin')).toBe('https://app.example.com');
});

test('a reload keeps what the callers have used of a limit that did not change', async () => {
  const limited = fieldsOf({ callerLimits: { requestsPerMinute: 2 } });
  const { issue, reload } = await startBroker(limited);
  expect([await issue(), await issue(), await issue()]).toEqual([200, 200, 429]);
  await reload({ ...withNudge({ timeoutMs: 50_000 }), callerLimits: { requestsPerMinute: 2 } });
  expect(await issue()).toBe(429);
  await reload(fieldsOf());
  expect(await issue()).toBe(200);
});

test.each<[string, (fields: ReturnType<typeof fieldsOf>) => object]>([
  ['listen.port', (fields) => ({ ...fields, listen: { port: 1 } })],
  ['listen.host', (fields) => ({ ...fields, listen: { port: 0, host: '127.0.0.2' } })],
  ['admin.port', (fields) => ({ ...fields, admin: { ...fields.admin, port: 2 } })],
  ['admin.host', (fields) => ({ ...fields, admin: { ...fields.admin, host: '127.0.0.2' } })],
  ['store', (fields) => ({ ...fields, store: { sqlite: 'other.sqlite' } })],
  [
    'redis',
    (fields) => ({
      ...fields,
      redis: { url: 'redis://127.0.0.1:9', sealingKeys: [{ id: 'a', secret: 'x'.repeat(32) }] },
    }),
  ],
])('a reload that changes %s is refused by name, and applies nothing of the rest', async (field, change) => {
  const { broker, issue, reload, readiness } = await startBroker();
  const before = await readiness();
  const changed = change(withNudge({ requiredScopes: ['nudge'] }) as ReturnType<typeof fieldsOf>);
  const refused = reload(changed);
  await expect(refused).rejects.toThrow(ConfigError);
  await expect(refused).rejects.toThrow(`${field}: has changed, and only a restart of the broker applies this`);
  expect(await issue()).toBe(200);
  expect(broker.parts.connections.get('nudge')?.rules).toEqual([]);
  const { reload: described, ...after } = await readiness();
  expect(after).toEqual(before);
  expect(described).toContain(`${field}: has changed`);
});

test('a reload whose vendor cannot be created is refused, and applies nothing of the rest', async () => {
  const failing: VendorDefinition = {
    id: 'acme',
    title: 'Acme',
    options: z.strictObject({}),
    credentials: [],
    create: () => {
      throw new Error('canary');
    },
  };
  const { issue, reload } = await startBroker();
  const fields = withNudge({ requiredScopes: ['nudge'] });
  const refused = reload({ ...fields, adapters: [failing], vendors: { ...fields.vendors, acme: {} } });
  await expect(refused).rejects.toThrow('vendors.acme: the adapter `acme` fails in `create`');
  expect(await issue()).toBe(200);
});

test('a reload that would make other principals of stored users is refused', async () => {
  const { issue, reload } = await startBroker();
  expect(await issue('vital')).toBe(200);
  const issuers = [{ issuer: sandbox.urls.idp, audiences: ['valetkey'], subjectClaims: ['uid'] }];
  await expect(reload(fieldsOf({ issuers }))).rejects.toThrow(/uid/);
  expect(await issue('vital')).toBe(200);
  const migratedIssuers = [{ issuer: sandbox.urls.idp, subjectClaims: ['uid'] }];
  await reload(fieldsOf({ issuers, migratedIssuers }));
  expect(await issue('vital')).toBe(401);
});

test('a reload while the broker drains is refused', async () => {
  const { broker, reload } = await startBroker();
  broker.drain();
  await expect(reload(withNudge({ requiredScopes: ['nudge'] }))).rejects.toThrow('the broker is being stopped');
});

test('a broker closes without a wait for a reload that is still reading, and this reload is refused', async () => {
  const { broker } = await startBroker();
  const { promise: read, resolve } = Promise.withResolvers<void>();
  const reloading = broker.reload(async () => {
    await read;
    return parseConfig(withNudge({ requiredScopes: ['nudge'] }));
  });
  await broker.close();
  resolve();
  await expect(reloading).rejects.toThrow('the broker is being stopped');
});

test('a reload that is not successful leaves the error of what was read, and a later one succeeds', async () => {
  const { broker, issue, reload, readiness } = await startBroker();
  const error = new ConfigError(['valetkey.yaml: is not plain YAML at line 3']);
  await expect(broker.reload(() => Promise.reject(error))).rejects.toBe(error);
  expect((await readiness())['reload']).toContain('valetkey.yaml: is not plain YAML at line 3');
  await reload(withNudge({ requiredScopes: ['nudge'] }));
  expect(await readiness()).not.toHaveProperty('reload');
  expect(await issue()).toBe(403);
});

test('a reload changes the versions that /readyz and the metrics show, and a secret only its own one', async () => {
  const { reload, readiness, metrics } = await startBroker();
  const before = await readiness();
  await reload(withNudge({ apiKey: 'another-key' }));
  const after = await readiness();
  expect(after['configuration']).toBe(before['configuration']);
  expect(after['secrets']).not.toBe(before['secrets']);
  expect(await metrics()).toContain(
    `valetkey_config_info{version="${after['configuration']}",secrets_version="${after['secrets']}"} 1`,
  );
  expect(await metrics()).toContain('valetkey_config_reloads_total{outcome="applied"} 1');
});

test('a reload without a change replaces nothing', async () => {
  const { broker, reload } = await startBroker();
  const { parts, app } = broker;
  await reload(fieldsOf());
  expect(broker.parts).toBe(parts);
  expect(broker.app).toBe(app);
});

test('concurrent reloads are applied one after the other, and the last one decides', async () => {
  const { issue, reload } = await startBroker();
  await Promise.all([
    reload(withNudge({ requiredScopes: ['a'] })),
    reload(withNudge({ requiredScopes: ['b'] })),
    reload(fieldsOf()),
  ]);
  expect(await issue()).toBe(200);
});
