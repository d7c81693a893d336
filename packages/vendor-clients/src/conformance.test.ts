import { inspect } from 'node:util';
import {
  assertExposable,
  Secret,
  ValetKeyError,
  type ErrorCode,
  type IssueAbility,
  type Principal,
  type Vendor,
  type VendorDefinition,
  type VendorEvent,
} from '@valetkey/core-types';
import { createSandbox, type Fault, type Sandbox, type SandboxVendor } from '@valetkey/sandbox';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createAuthgearClient } from './index.ts';
import { vendors as registered } from './registry.ts';
import { startVendorServer, type VendorServer } from './testing/vendor-server.ts';

const vendors: Readonly<Record<string, VendorDefinition>> = registered;
/** For calls that end by themselves, on however busy a machine. */
const generousMs = 10_000;
/** For calls that a deadline has to end. */
const shortMs = 300;
const canary = 'CANARY-do-not-tell';
const principal: Principal = { issuer: 'https://idp.example', subject: 'alice', scopes: [], claims: {} };

let sandbox: Sandbox;
let elsewhere: VendorServer;

beforeAll(async () => {
  sandbox = await createSandbox();
  elsewhere = await startVendorServer({});
});
beforeEach(() => sandbox.setFaults([]));
afterAll(async () => {
  await sandbox.close();
  await elsewhere[Symbol.asyncDispose]();
});

interface Case {
  /** The part of the sandbox that the operation calls. */
  readonly simulation: SandboxVendor;
  readonly options: () => Record<string, unknown>;
  /** The one thing that an app is waiting for; answers text that came from the vendor. */
  readonly operate: (vendor: Vendor) => Promise<string>;
  /** Where the case differs from what every vendor does. */
  readonly exceptions?: Readonly<Record<string, ErrorCode | 'succeeds'>>;
}

const cases: Readonly<Record<string, Case>> = {
  nabla: {
    simulation: 'nabla',
    options: () => ({ baseUrl: sandbox.urls.nabla, ...sandbox.credentials.nabla }),
    operate: (vendor) => issue(vendor, 'patient-1', 'refresh_token'),
  },
  nudge: {
    simulation: 'nudge',
    options: () => ({ baseUrl: sandbox.urls.nudge, ...sandbox.credentials.nudge }),
    operate: (vendor) => issue(vendor, undefined, 'token'),
  },
  nymbl: {
    simulation: 'nymbl-idp',
    options: () => ({
      baseUrl: sandbox.urls.nymbl,
      tokenUrl: `${sandbox.urls.nymblIdp}/oauth2/token`,
      clientId: sandbox.credentials.nymbl.clientId,
      clientSecret: sandbox.credentials.nymbl.clientSecret,
      apiKey: sandbox.credentials.nymbl.apiKey,
      customer: { value: sandbox.credentials.nymbl.customer },
      allow: [{ method: 'GET', path: '/Patients' }],
    }),
    async operate({ proxy }) {
      if (proxy === undefined) throw new Error('no proxy');
      const token = await proxy.issueServerToken(proxy.tokenKey(principal));
      const answer = await proxy.send({ method: 'GET', path: '/Patients', query: '', headers: {} }, token);
      if (answer === 'token_refused') throw new Error('refused');
      return await text(answer.body);
    },
  },
  authgear: {
    simulation: 'authgear',
    options: () => ({ endpoint: sandbox.urls.authgear }),
    async operate(vendor) {
      await vendor.verify?.();
      return 'verified';
    },
  },
  vital: {
    simulation: 'vital',
    options: () => ({
      baseUrl: sandbox.urls.vital,
      environment: 'sandbox',
      region: 'us',
      ...sandbox.credentials.vital,
    }),
    async operate(vendor) {
      const user = await vendor.users?.ensureUser('alice');
      return issue(vendor, user?.vendorUserId, 'sign_in_token');
    },
  },
};

async function issue(vendor: Vendor, vendorUserId: string | undefined, field: string): Promise<string> {
  const parameters = vendor.issue?.parameters.parse({}) ?? {};
  const token = await vendor.issue?.issue({ principal, vendorUserId: vendorUserId ?? '', parameters });
  const value = token?.fields[field];
  return value instanceof Secret ? value.reveal() : String(value);
}

function start(
  id: string,
  onEvent: (event: VendorEvent) => void = () => undefined,
  timeoutMs: number = generousMs,
): Vendor {
  const definition = vendors[id];
  const given = cases[id];
  if (definition === undefined || given === undefined) throw new Error(`no case for ${id}`);
  return definition.create(definition.options.parse({ timeoutMs, ...given.options() }), { onEvent });
}

test('every vendor of the registry is held to this', () => {
  expect(Object.keys(cases).toSorted()).toEqual(Object.keys(vendors).toSorted());
});

describe.each(Object.keys(cases))('%s', (id) => {
  const { simulation, operate } = cases[id] as Case;

  test('does what it is for, and verifies its credentials', async () => {
    const vendor = start(id);
    expect(await operate(vendor)).not.toBe('');
    await expect(vendor.verify?.()).resolves.toBeUndefined();
    await vendor.close();
  });

  test('has an ability, under its own name', async () => {
    const vendor = start(id);
    expect(vendor.id).toBe(id);
    expect([vendor.issue, vendor.proxy, vendor.authenticate].some((ability) => ability !== undefined)).toBe(true);
    await vendor.close();
  });

  test('refuses options with a field it does not know, by its name', () => {
    const result = vendors[id]?.options.safeParse({ ...cases[id]?.options(), typo: canary });
    expect(result?.success).toBe(false);
    expect(JSON.stringify(result?.error?.issues)).toContain('typo');
    expect(JSON.stringify(result?.error?.issues)).not.toContain(canary);
  });

  test('prints none of its secrets', () => {
    const credentials = Object.values(cases[id]?.options() ?? {}).filter((value) =>
      String(value).includes('sandbox-only'),
    );
    const vendor = start(id);
    const printed = inspect(vendor, { depth: 12, showHidden: true }) + JSON.stringify(vendor);
    for (const credential of credentials.filter((value) => value !== sandbox.credentials.nymbl.clientId)) {
      expect(printed).not.toContain(credential);
    }
  });

  const faults: readonly [Fault, ErrorCode][] = [
    [{ type: 'hang' }, 'vendor_timeout'],
    [{ type: 'hang', when: 'after' }, 'vendor_timeout'],
    [{ type: 'latency', delayMs: 20_000 }, 'vendor_timeout'],
    [{ type: 'drip', intervalMs: 50 }, 'vendor_timeout'],
    [{ type: 'reset' }, 'vendor_unavailable'],
    [{ type: 'reset', when: 'after' }, 'vendor_unavailable'],
    [{ type: 'reset', when: 'mid-body' }, 'vendor_unavailable'],
    [{ type: 'truncated' }, 'vendor_unavailable'],
    ...[500, 502, 503, 504, 599].map((status): [Fault, ErrorCode] => [
      { type: 'status', status, body: { message: canary } },
      'vendor_unavailable',
    ]),
    ...[400, 402, 409, 410, 418, 422].map((status): [Fault, ErrorCode] => [
      { type: 'status', status, body: { message: canary, detail: canary } },
      'vendor_rejected',
    ]),
    ...[401, 403].map((status): [Fault, ErrorCode] => [
      { type: 'status', status, body: { message: canary } },
      'vendor_auth_failed',
    ]),
    [{ type: 'status', status: 201, body: { message: canary } }, 'vendor_response_invalid'],
    [{ type: 'status', status: 200, body: canary }, 'vendor_response_invalid'],
    [{ type: 'status', status: 200, body: [canary] }, 'vendor_response_invalid'],
    [{ type: 'status', status: 200, body: null }, 'vendor_response_invalid'],
    [{ type: 'rate-limit', retryAfter: { form: 'seconds', seconds: 7 } }, 'vendor_rate_limited'],
    [{ type: 'rate-limit', retryAfter: { form: 'date', seconds: 7 } }, 'vendor_rate_limited'],
    [{ type: 'rate-limit', retryAfter: { form: 'garbage', text: canary } }, 'vendor_rate_limited'],
    [{ type: 'rate-limit', retryAfter: { form: 'absent' } }, 'vendor_rate_limited'],
    [{ type: 'malformed' }, 'vendor_response_invalid'],
    [{ type: 'empty' }, 'vendor_response_invalid'],
    [{ type: 'huge', bytes: 8_388_608 }, 'vendor_response_invalid'],
    [{ type: 'huge', bytes: 8_388_608, gzip: true }, 'vendor_response_invalid'],
    ...([301, 302, 303, 307, 308] as const).map((status): [Fault, ErrorCode] => [
      { type: 'redirect', location: `https://elsewhere.example/${canary}`, status },
      'vendor_response_invalid',
    ]),
  ];

  test.for(faults)('%j is %s, in time and in our own words', async ([fault, code]) => {
    const events: VendorEvent[] = [];
    const timeoutMs = code === 'vendor_timeout' ? shortMs : generousMs;
    const vendor = start(id, (event) => events.push(event), timeoutMs);
    const aimed = fault.type === 'redirect' ? { ...fault, location: `${elsewhere.url}/${canary}` } : fault;
    sandbox.setFaults([{ vendor: simulation, fault: aimed }]);
    // A timer of the same length shows how late this machine is with its timers.
    const control = sleep(timeoutMs * 1.1, undefined, { ref: false }).then(() => performance.now());
    const failure: unknown = await operate(vendor).then(undefined, (reason: unknown) => reason);
    const endedAt = performance.now();

    expect(failure).toBeInstanceOf(ValetKeyError);
    expect(failure).toMatchObject({ code, vendor: id });
    const latest = timeoutMs === shortMs ? await control : Infinity;
    expect(endedAt).toBeLessThan(latest + 50);
    expect(elsewhere.calls).toHaveLength(0);
    const printed = inspect([failure, events], { depth: 12, showHidden: true }) + JSON.stringify([failure, events]);
    expect(printed).not.toContain(canary);
    expect(printed).not.toMatch(/eyJ[A-Za-z0-9_-]{8}/);
    expect(printed).not.toContain(sandbox.origin);
    sandbox.setFaults([]);
    await vendor.close();
  });

  test('a wrong content type and an extra response on the wire change nothing', async () => {
    const vendor = start(id);
    for (const type of ['wrong-content-type', 'extra-response'] as const) {
      sandbox.setFaults([{ vendor: simulation, fault: { type }, count: 5 }]);
      for (let count = 0; count < 8; count++) {
        const value = await operate(vendor);
        expect(value).not.toContain('wrong-user');
        expect(Buffer.from(value.split('.')[1] ?? '', 'base64url').toString()).not.toContain('wrong-user');
      }
    }
    await vendor.close();
  });

  test('one passing failure is not noticed by anybody but the operator', async () => {
    const events: VendorEvent[] = [];
    const vendor = start(id, (event) => events.push(event));
    sandbox.setFaults([{ vendor: simulation, fault: { type: 'reset' }, count: 1 }]);
    expect(await operate(vendor)).not.toBe('');
    expect(events).toMatchObject([{ type: 'retried', vendor: id }]);
    await vendor.close();
  });
});

test.each(['nabla', 'nudge', 'vital'])('%s issues what its declaration says', async (id) => {
  const vendor = start(id);
  const ability = vendor.issue as IssueAbility;
  expect(ability.parameters.safeParse({ unknown_field: 1 }).success).toBe(false);
  const user = await vendor.users?.ensureUser('bob');
  const token = await ability.issue({
    principal,
    vendorUserId: user?.vendorUserId ?? 'patient-1',
    parameters: ability.parameters.parse({}),
  });
  expect(() => assertExposable(token)).not.toThrow();
  expect(token).toMatchObject({ kind: 'client', vendor: id, bound: ability.bound });
  expect(Object.values(token.fields).some((field) => field instanceof Secret)).toBe(true);
  expect(Object.keys(token.fields)).toEqual(
    expect.arrayContaining(ability.plainTextField === undefined ? [] : [ability.plainTextField]),
  );
  expect([ability.bound, ability.cache]).not.toEqual(['user', expect.anything()]);
  await vendor.close();
});

test('the search for the canary finds one that is told', async () => {
  const leaky = Object.assign(new ValetKeyError('vendor_rejected', 'no'), { body: canary });
  expect(inspect(leaky, { depth: 12, showHidden: true })).toContain(canary);
});

test("Vital's answer about another user is never delivered", async () => {
  const vendor = start('vital');
  sandbox.setFaults([{ vendor: 'vital', fault: { type: 'wrong-user' } }]);
  await expect(vendor.users?.ensureUser('carol')).rejects.toMatchObject({ reason: 'other_user' });
  sandbox.setFaults([]);
  const user = await vendor.users?.ensureUser('carol');
  sandbox.setFaults([{ vendor: 'vital', fault: { type: 'wrong-user' } }]);
  await expect(issue(vendor, user?.vendorUserId, 'sign_in_token')).rejects.toMatchObject({ reason: 'other_user' });
  await vendor.close();
});

test('a create whose answer was lost ends in one user', async () => {
  const vendor = start('vital');
  sandbox.setFaults([{ vendor: 'vital', route: 'POST /v2/user', fault: { type: 'reset', when: 'after' }, count: 1 }]);
  const user = await vendor.users?.ensureUser('dave');
  expect(user?.created).toBe(false);
  expect(await vendor.users?.ensureUser('dave')).toMatchObject({ vendorUserId: user?.vendorUserId, created: false });
  await vendor.close();
});

test('a thousand first calls at once: nobody gets another’s token', async () => {
  const vendor = start('nabla');
  const patients = Array.from({ length: 1_000 }, (_, index) => `patient-${index}`);
  const definition = vendors.nabla?.create(
    vendors.nabla.options.parse({ ...cases.nabla?.options(), timeoutMs: 60_000 }),
  ) as Vendor;
  const tokens = await Promise.all(patients.map((patient) => issue(definition, patient, 'access_token')));
  const subjects = tokens.map((token) => {
    const payload: unknown = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString());
    return (payload as { sub: string }).sub;
  });
  expect(subjects).toEqual(patients);
  await Promise.all([vendor.close(), definition.close()]);
});

test('Authgear’s resolver and userinfo speak of the session that the sandbox made', async () => {
  const answer = await fetch(`${sandbox.urls.authgear}/dev-session`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: '{"sub":"alice"}',
  });
  const { access_token: token } = (await answer.json()) as { access_token: string };
  const client = createAuthgearClient({ endpoint: sandbox.urls.authgear });
  expect(await client.userInfo(new Secret(token))).toMatchObject({ sub: 'alice' });
  expect(await client.resolve({ authorization: `Bearer ${token}` })).toMatchObject({ status: 'valid' });
  expect(await client.resolve({ authorization: 'Bearer nobody' })).toEqual({ status: 'absent' });
  await client.close();
});
