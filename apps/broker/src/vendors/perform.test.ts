import { setImmediate } from 'node:timers/promises';
import { systemClock, ValetKeyError, type Clock, type Principal, type Vendor } from '@valetkey/core-types';
import { expect, test } from 'vitest';
import { createAudit } from '../audit/audit.ts';
import type { ConnectionPolicy } from '../config/connection-policy.ts';
import { createSqliteStore } from '../storage/sqlite-store.ts';
import { createStoreHealth } from '../storage/store-health.ts';
import type { Store } from '../storage/store.ts';
import { createLogger } from '../telemetry/logger.ts';
import type { Connection } from './connections.ts';
import { createAccessRules } from '../policy/access.ts';
import { createPolicyRules } from '../policy/policy-rules.ts';
import { createVirtualClock } from '../../test/support/virtual-clock.ts';
import { createPerform, findConnection, OperationFailure } from './perform.ts';
import { createVendorUsers } from './vendor-users.ts';

const alice: Principal = { issuer: 'https://id.example.com', subject: 'alice', scopes: [], claims: {} };
const request = { id: 'request-1', principal: alice, connection: 'acme-eu' };
const everyone: ConnectionPolicy = { boundByAppToken: false, requiredScopes: [], requiredClaims: {} };

/** Creates `perform` for one connection, over a store in memory. `store` replaces some functions of that store. */
function createHarness({
  policy = everyone,
  store = {},
  clock = systemClock,
}: { policy?: ConnectionPolicy; store?: Partial<Store>; clock?: Clock } = {}) {
  const memory = createSqliteStore(':memory:');
  const used: Store = { ...memory, ...store };
  const vendor: Vendor = { id: 'acme', close: async () => undefined };
  const users = createVendorUsers({ connection: 'acme-eu', vendor, store: used, clock: systemClock });
  const name = 'acme-eu';
  const rules = createAccessRules({ name, vendor, policy });
  const connection: Connection = { name, vendor, rules, users, isCircuitOpen: () => false };
  let log = '';
  const logger = createLogger('trace', {
    write: (line) => {
      log += line;
    },
  });
  const storeHealth = createStoreHealth(used, systemClock);
  const audit = createAudit({ store: used, storeHealth, clock: systemClock, logger });
  return {
    perform: createPerform({ connections: new Map([[connection.name, connection]]), audit, clock, logger }),
    connection,
    decisions: async () => (await memory.listDecisions({ limit: 10 })).decisions,
    log: () => log,
  };
}

test('perform does the work with the connection, records the decision with its vendor user and returns the result', async () => {
  const { perform, connection, decisions } = createHarness();
  const result = await perform(request, 'issue', async (given) => {
    expect(given).toBe(connection);
    expect(await decisions(), 'nothing is recorded before the work is done').toEqual([]);
    return { result: 'a token', vendorUserId: 'u-1' };
  });
  expect(result).toBe('a token');
  expect(await decisions()).toMatchObject([
    {
      requestId: 'request-1',
      operation: 'issue',
      connection: 'acme-eu',
      issuer: alice.issuer,
      subject: 'alice',
      vendorUserId: 'u-1',
      outcome: 'allowed',
    },
  ]);
});

test('perform rejects without doing the work after the audit could not be written', async () => {
  const broken = () => Promise.reject(new ValetKeyError('overloaded', 'No room.', { reason: 'sqlite_13' }));
  const { perform, decisions } = createHarness({ store: { check: broken, recordDecisions: broken } });
  await expect(perform(request, 'issue', async () => ({ result: 0 }))).rejects.toMatchObject({ code: 'overloaded' });
  let works = 0;
  const attempt = perform(request, 'issue', async () => ({ result: (works += 1) }));
  await expect(attempt).rejects.toMatchObject({ code: 'overloaded', reason: 'sqlite_13' });
  expect(works).toBe(0);
  expect(await decisions()).toEqual([]);
});

test('perform returns the result only after the decision is committed', async () => {
  const { promise: written, resolve: commit } = Promise.withResolvers<number[]>();
  const { promise: begun, resolve: begin } = Promise.withResolvers<void>();
  const events: string[] = [];
  const { perform } = createHarness({
    store: {
      recordDecisions: async () => {
        events.push('recording');
        begin();
        await written;
        events.push('recorded');
        return [1];
      },
    },
  });
  const returned = perform(request, 'proxy', async () => {
    events.push('work');
    return { result: undefined };
  }).then(() => events.push('returned'));
  await begun;
  await setImmediate();
  expect(events).toEqual(['work', 'recording']);
  commit([1]);
  await returned;
  expect(events).toEqual(['work', 'recording', 'recorded', 'returned']);
});

test('perform rejects with a failure only after its decision is committed', async () => {
  const { promise: written, resolve: commit } = Promise.withResolvers<number[]>();
  const { promise: begun, resolve: begin } = Promise.withResolvers<void>();
  const recordDecisions = () => {
    begin();
    return written;
  };
  const { perform } = createHarness({ store: { recordDecisions } });
  const failure = new ValetKeyError('vendor_timeout', 'Too slow.');
  let thrown: unknown;
  const attempt = perform(request, 'issue', () => Promise.reject(failure)).catch((error: unknown) => (thrown = error));
  await begun;
  await setImmediate();
  expect(thrown).toBeUndefined();
  commit([1]);
  await attempt;
  expect(thrown).toBe(failure);
});

test('perform rejects if the decision cannot be recorded, and does no work for the next request', async () => {
  const broken = () => Promise.reject(new ValetKeyError('overloaded', 'No room.', { reason: 'sqlite_13' }));
  const { perform } = createHarness({ store: { recordDecisions: broken, check: broken } });
  let works = 0;
  const work = async () => ({ result: (works += 1) });
  await expect(perform(request, 'issue', work)).rejects.toMatchObject({ code: 'overloaded' });
  await expect(perform(request, 'issue', work)).rejects.toMatchObject({ code: 'overloaded' });
  expect(works).toBe(1);
});

test('perform records the code and the vendor user of an OperationFailure, and rejects with the error inside it', async () => {
  const { perform, decisions, log } = createHarness();
  const failure = new ValetKeyError('vendor_unavailable', 'Down.', { reason: 'status_503' });
  const attempt = perform(request, 'issue', () => Promise.reject(new OperationFailure(failure, 'u-1')));
  await expect(attempt).rejects.toBe(failure);
  expect(await decisions()).toMatchObject([{ outcome: 'vendor_unavailable', vendorUserId: 'u-1' }]);
  expect(log()).toContain('"reason":"status_503"');
});

test('perform records the code of any other failure without a vendor user, and rejects with that failure', async () => {
  const { perform, decisions } = createHarness();
  const failure = new ValetKeyError('vendor_user_not_found', 'No user.');
  await expect(perform(request, 'issue', () => Promise.reject(failure))).rejects.toBe(failure);
  expect(await decisions()).toMatchObject([{ outcome: 'vendor_user_not_found', vendorUserId: undefined }]);
});

test.each([
  ['a foreign error', (error: unknown) => error, undefined],
  ['a foreign error inside an OperationFailure', (error: unknown) => new OperationFailure(error, 'u-1'), 'u-1'],
])(
  'perform records %s as `internal` and rejects with an error that has it as its cause',
  async (_, wrap, vendorUserId) => {
    const { perform, decisions, log } = createHarness();
    const foreign = Object.assign(new Error('canary-of-the-library'), {
      code: 'EPIPE',
      reason: 'canary-of-the-library',
    });
    const thrown: unknown = await perform(request, 'issue', () => Promise.reject(wrap(foreign))).catch(
      (error: unknown) => error,
    );
    expect(thrown).toMatchObject({ message: 'The work of the operation failed.', cause: foreign });
    expect(thrown).not.toHaveProperty('code');
    expect(await decisions()).toMatchObject([{ outcome: 'internal', vendorUserId }]);
    expect(log()).not.toContain('canary');
  },
);

test.each(['missing_token', 'invalid_token'] as const)(
  'perform records the code `%s` of an adapter as `internal`, because it is not about the caller',
  async (code) => {
    const { perform, decisions } = createHarness();
    const failure = new ValetKeyError(code, 'The vendor refused.');
    const attempt = perform(request, 'issue', () => Promise.reject(failure));
    await expect(attempt).rejects.toMatchObject({ cause: failure });
    expect(await decisions()).toMatchObject([{ outcome: 'internal' }]);
  },
);

test('perform records the rule that refused a principal and the names that its token lacks, without their values', async () => {
  const strict = {
    ...everyone,
    requiredScopes: ['rooms', 'calls'],
    requiredClaims: { tier: 'canary-of-the-operator' },
  };
  const refuse = async (policy: ConnectionPolicy, principal: Principal) => {
    const { perform, decisions } = createHarness({ policy });
    await expect(perform({ ...request, principal }, 'issue', async () => ({ result: 0 }))).rejects.toMatchObject({
      code: 'forbidden',
    });
    return (await decisions()).map(({ reason }) => reason);
  };
  expect(await refuse(strict, { ...alice, scopes: ['calls'] })).toEqual(['requiredScopes: rooms']);
  expect(await refuse(strict, { ...alice, scopes: ['rooms', 'calls'], claims: { tier: 'canary' } })).toEqual([
    'requiredClaims: tier',
  ]);
  expect(await refuse({ ...strict, issuers: ['https://staff.example.com'] }, alice)).toEqual(['issuers']);
});

test('perform records the reason and the status of a vendor failure, the details that the work added, and the duration', async () => {
  const clock = createVirtualClock();
  const { perform, decisions } = createHarness({ clock });
  const call = { ...request, method: 'GET' };
  const cause = { type: 'vendor_status', status: 503 } as const;
  const failure = new ValetKeyError('vendor_unavailable', 'Down.', { reason: 'status_503', cause });
  const fail = perform(call, 'proxy', async (_connection, _recordChange, addDetails) => {
    addDetails({ path: '/Rooms({id})' });
    clock.advance(1_500.4);
    throw failure;
  });
  await expect(fail).rejects.toBe(failure);
  await perform(call, 'proxy', async (_connection, _recordChange, addDetails) => {
    addDetails({ path: '/Rooms' });
    addDetails({ vendorStatus: 404 });
    return { result: 0 };
  });
  const details = { operation: 'proxy', method: 'GET' };
  expect(await decisions()).toMatchObject([
    { ...details, path: '/Rooms', vendorStatus: 404, durationMs: 0, reason: undefined },
    { ...details, path: '/Rooms({id})', vendorStatus: 503, durationMs: 1_500, reason: 'status_503' },
  ]);
});

test('perform records no vendor status for the response of a server on the way to the vendor', async () => {
  const { perform, decisions } = createHarness();
  const cause = { type: 'intercepted', status: 403 } as const;
  const failure = new ValetKeyError('vendor_unavailable', 'Intercepted.', { cause });
  await expect(perform(request, 'issue', () => Promise.reject(failure))).rejects.toBe(failure);
  expect(await decisions()).toMatchObject([{ outcome: 'vendor_unavailable', vendorStatus: undefined }]);
});

test('perform logs the failure `overloaded` and does not record it', async () => {
  const { perform, decisions, log } = createHarness();
  const overloaded = new ValetKeyError('overloaded', 'Too many calls.', { reason: 'bulkhead' });
  await expect(perform(request, 'issue', () => Promise.reject(overloaded))).rejects.toBe(overloaded);
  expect(await decisions()).toEqual([]);
  expect(JSON.parse(log())).toMatchObject({
    requestId: 'request-1',
    connection: 'acme-eu',
    vendor: 'acme',
    issuer: alice.issuer,
    subject: 'alice',
    reason: 'bulkhead',
    msg: 'overloaded',
  });
});

test('perform records `forbidden` for a principal that the policy refuses, and does no work', async () => {
  const { perform, decisions } = createHarness({
    policy: { ...everyone, boundByAppToken: false, requiredScopes: ['rooms'] },
  });
  let works = 0;
  const attempt = perform(request, 'issue', async () => ({ result: (works += 1) }));
  await expect(attempt).rejects.toMatchObject({ code: 'forbidden', vendor: 'acme' });
  expect(works).toBe(0);
  expect(await decisions()).toMatchObject([{ outcome: 'forbidden', connection: 'acme-eu' }]);
});

test.each(['acme', '__proto__', 'constructor'])(
  'perform records a request for the unknown connection %s under the name that the caller gave',
  async (name) => {
    const { perform, decisions } = createHarness();
    let works = 0;
    const attempt = perform({ ...request, connection: name }, 'issue', async () => ({ result: (works += 1) }));
    await expect(attempt).rejects.toMatchObject({ code: 'unknown_vendor' });
    expect(works).toBe(0);
    expect(await decisions()).toMatchObject([{ outcome: 'unknown_vendor', connection: name }]);
  },
);

test('findConnection returns the connection of a name and throws `unknown_vendor` for any other name', () => {
  const { connection } = createHarness();
  const connections = new Map([[connection.name, connection]]);
  expect(findConnection(connections, 'acme-eu')).toBe(connection);
  for (const name of ['acme', 'ACME-EU', '', '__proto__', 'constructor', 'get']) {
    expect(() => findConnection(connections, name), name).toThrow(expect.objectContaining({ code: 'unknown_vendor' }));
  }
});

test('perform records and logs what a rule that observes would have refused, without its values, and refuses nothing', async () => {
  const rule = { require: { claim: 'tier', equals: 'canary' }, operations: ['issue' as const], observe: true };
  const { connection, perform, decisions, log } = createHarness();
  const policy = { default: 'allow' as const, rules: [rule, { ...rule, require: { scope: 'canary' } }] };
  const { observed } = createPolicyRules({ place: 'vendors.acme-eu', vendor: 'acme', policy });
  Object.assign(connection, { observedRules: observed });
  expect(await perform(request, 'proxy', async () => ({ result: 'done' }))).toBe('done');
  expect(log()).not.toContain('would be refused');
  expect(await perform(request, 'issue', async () => ({ result: 'done' }))).toBe('done');
  expect(log()).toMatch(/"requestId":"request-1".*"rule":"policy\.rules\.0".*would be refused/);
  const failure = new ValetKeyError('vendor_timeout', 'Too slow.');
  await expect(perform(request, 'issue', () => Promise.reject(failure))).rejects.toBe(failure);
  const both = 'policy.rules.0, policy.rules.1';
  expect((await decisions()).map(({ operation, outcome, observed: fields }) => [operation, outcome, fields])).toEqual([
    ['issue', 'vendor_timeout', both],
    ['issue', 'allowed', both],
    ['proxy', 'allowed', undefined],
  ]);
  expect(log() + JSON.stringify(await decisions())).not.toContain('canary');
});

test('perform records no observed rule for a request that another rule refuses', async () => {
  const { connection, perform, decisions } = createHarness({ policy: { ...everyone, requiredScopes: ['rooms'] } });
  const rules = [{ require: { scope: 'other' }, observe: true }];
  const { observed } = createPolicyRules({ place: 'vendors.acme-eu', policy: { default: 'allow', rules } });
  Object.assign(connection, { observedRules: observed });
  await expect(perform(request, 'issue', async () => ({ result: 0 }))).rejects.toMatchObject({ code: 'forbidden' });
  expect(await decisions()).toMatchObject([{ outcome: 'forbidden', observed: undefined }]);
});
