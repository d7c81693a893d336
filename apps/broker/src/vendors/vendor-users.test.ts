import { systemClock, type Principal, type Vendor } from '@valetkey/core-types';
import { describe, expect, test, vi } from 'vitest';
import { createSqliteStore } from '../storage/sqlite-store.ts';
import type { Store } from '../storage/store.ts';
import type { VendorUserSource } from '../config/connection-policy.ts';
import { createVendorUsers, type VendorUsersOptions } from './vendor-users.ts';
import { externalIdOf } from './external-id.ts';

const alice: Principal = {
  issuer: 'https://id.example.com',
  subject: 'alice',
  scopes: [],
  claims: { patient: 'p-1', number: 7, broken: '\ud800' },
};
const close = async () => undefined;
const vendor: Vendor = { id: 'nabla', close };

/** Creates the vendor users of a connection that is named after its vendor. */
function usersOf(
  vendor: Vendor,
  source: VendorUserSource,
  store: Store,
  time: Pick<VendorUsersOptions, 'clock' | 'sleep'> = { clock: systemClock },
) {
  return createVendorUsers({ connection: vendor.id, vendor, source, store, ...time });
}

/** Creates a vendor that responds only once the test calls `respond`, so that the test decides which calls overlap. */
function createVendor() {
  const requested: string[] = [];
  const { promise: firstRequest, resolve: reportRequest } = Promise.withResolvers<void>();
  const { promise: response, resolve: respond } = Promise.withResolvers<string>();
  const users = {
    ensureUser: async (externalId: string) => {
      requested.push(externalId);
      reportRequest();
      return { vendorUserId: await response, created: true };
    },
  };
  return { requested, firstRequest, respond, vendor: { id: 'vital', users, close } satisfies Vendor };
}

describe('vendor users by claim', () => {
  const store = createSqliteStore(':memory:');

  test('vendor users by claim are the value of the claim, or the subject for the claim `sub`', async () => {
    expect(await usersOf(vendor, { claim: 'patient' }, store).resolve(alice)).toBe('p-1');
    expect(await usersOf(vendor, { claim: 'sub' }, store).resolve(alice)).toBe('alice');
    const nested = { ...alice, claims: { app_metadata: { patient: 'p-2' } } };
    expect(await usersOf(vendor, { claim: 'app_metadata.patient' }, store).resolve(nested)).toBe('p-2');
  });

  test.each(['absent', 'number', 'broken', '__proto__', 'constructor'])(
    'vendor users by claim reject a token whose claim is absent or not well-formed text (%s)',
    async (claim) => {
      const users = usersOf(vendor, { claim }, store);
      await expect(users.resolve(alice)).rejects.toMatchObject({ code: 'vendor_user_not_found', vendor: 'nabla' });
    },
  );

  test('vendor users by claim ignore the claim of another issuer, and the error names the configured issuer', async () => {
    const users = usersOf(vendor, { claim: 'patient', issuer: 'https://else.example.com' }, store);
    expect(await users.known(alice)).toBeUndefined();
    await expect(users.resolve(alice)).rejects.toMatchObject({
      remediation: expect.stringContaining('else.example.com'),
    });
  });
});

test('vendor users by mapping are those that the operator stored, and are never forgotten', async () => {
  const store = createSqliteStore(':memory:');
  const users = usersOf(vendor, { mapping: true }, store);
  await expect(users.resolve(alice)).rejects.toMatchObject({ code: 'vendor_user_not_found' });
  await store.setVendorUser(
    { connection: 'nabla', vendor: 'nabla', issuer: alice.issuer, subject: alice.subject },
    'p-9',
  );
  expect(await users.resolve(alice)).toBe('p-9');
  expect(await users.forget(alice, 'p-9')).toBe(false);
});

describe('vendor users that the vendor creates', () => {
  test('a hundred concurrent first requests of one principal create one vendor user', async () => {
    const { vendor: vital, requested, respond } = createVendor();
    const users = usersOf(vital, { ensure: true }, createSqliteStore(':memory:'));
    const all = Array.from({ length: 100 }, () => users.resolve(alice));
    await new Promise((resolve) => setImmediate(resolve));
    respond('u-1');
    expect(new Set(await Promise.all(all))).toEqual(new Set(['u-1']));
    expect(requested).toEqual([externalIdOf(alice)]);
    expect(await users.resolve(alice)).toBe('u-1');
    expect(requested).toHaveLength(1);
  });

  test('a failed creation rejects every request that waits for it, and the next request creates the vendor user', async () => {
    let calls = 0;
    const ensureUser = async () => {
      calls += 1;
      if (calls === 1) throw new Error('down');
      return { vendorUserId: 'u-1', created: true };
    };
    const users = usersOf(
      { id: 'vital', users: { ensureUser }, close },
      { ensure: true },
      createSqliteStore(':memory:'),
    );
    const both = await Promise.allSettled([users.resolve(alice), users.resolve(alice)]);
    expect(both.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    expect(await users.resolve(alice)).toBe('u-1');
    expect(calls).toBe(2);
  });

  test('a creation that never ends rejects after three minutes, and the next request creates the vendor user', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    try {
      const { vendor, firstRequest } = createVendor();
      const store = createSqliteStore(':memory:');
      const never = usersOf(vendor, { ensure: true }, store);
      const attempts = Promise.allSettled([never.resolve(alice), never.resolve(alice)]);
      await firstRequest;
      vi.advanceTimersByTime(180_000);
      for (const attempt of await attempts) {
        expect(attempt).toMatchObject({ status: 'rejected', reason: { code: 'vendor_timeout', vendor: 'vital' } });
      }
      vendor.users.ensureUser = async () => ({ vendorUserId: 'u-1', created: true });
      expect(await never.resolve(alice)).toBe('u-1');
    } finally {
      vi.useRealTimers();
    }
  });

  test.each([undefined, '', 7, '\ud800', 'u'.repeat(256)])(
    'a creation rejects the vendor user id %j and stores nothing',
    async (vendorUserId) => {
      const users = { ensureUser: async () => ({ vendorUserId: vendorUserId as string, created: true }) };
      const store = createSqliteStore(':memory:');
      const attempt = usersOf({ id: 'vital', users, close }, { ensure: true }, store).resolve(alice);
      await expect(attempt).rejects.toMatchObject({ code: 'vendor_response_invalid', vendor: 'vital' });
      expect(await store.listVendorUsers(alice)).toEqual([]);
    },
  );

  test('the broker creates a vendor user under the external id that the configured claim holds', async () => {
    const { vendor: vital, requested, respond } = createVendor();
    respond('u-1');
    const users = usersOf(vital, { ensure: { externalIdClaim: 'patient' } }, createSqliteStore(':memory:'));
    await users.resolve(alice);
    expect(requested).toEqual(['p-1']);
  });

  test('the broker creates a deleted vendor user again, and a second `forget` of the deleted one does not remove the new one', async () => {
    const { vendor: vital, respond } = createVendor();
    respond('u-2');
    const store = createSqliteStore(':memory:');
    const users = usersOf(vital, { ensure: true }, store);
    await store.addVendorUser(
      { connection: 'vital', vendor: 'vital', issuer: alice.issuer, subject: alice.subject },
      'u-1',
    );
    expect(await users.resolve(alice)).toBe('u-1');
    expect(await users.forget(alice, 'u-1')).toBe(true);
    expect(await users.resolve(alice)).toBe('u-2');
    // Another request found the old vendor user deleted as well, and reports it later.
    expect(await users.forget(alice, 'u-1')).toBe(true);
    expect(await users.known(alice)).toBe('u-2');
  });

  test('an external id is read only from tokens of the configured issuer', async () => {
    const { vendor: vital, requested, respond } = createVendor();
    respond('u-1');
    const usersOfIssuer = (issuer: string) =>
      usersOf(vital, { ensure: { externalIdClaim: 'patient', issuer } }, createSqliteStore(':memory:'));
    await expect(usersOfIssuer('https://else.example.com').resolve(alice)).rejects.toMatchObject({
      code: 'vendor_user_not_found',
    });
    expect(requested).toEqual([]);
    expect(await usersOfIssuer(alice.issuer).resolve(alice)).toBe('u-1');
  });

  test('an external id may have at most 255 characters', async () => {
    const { vendor: vital, respond } = createVendor();
    respond('u-1');
    const resolve = (length: number) =>
      usersOf(vital, { ensure: { externalIdClaim: 'name' } }, createSqliteStore(':memory:')).resolve({
        ...alice,
        claims: { name: 'x'.repeat(length) },
      });
    expect(await resolve(255)).toBe('u-1');
    await expect(resolve(256)).rejects.toMatchObject({ code: 'vendor_user_not_found' });
  });
});

describe('vendor users over several brokers', () => {
  const key = { connection: 'vital', vendor: 'vital', issuer: alice.issuer, subject: alice.subject };

  /** Creates the vendor users of one broker. Its clock advances only when it sleeps. */
  function createBroker(
    vendor: Vendor,
    store: Store,
    { startMs = 1_000_000, onSleep = () => undefined as unknown } = {},
  ) {
    let elapsedMs = 0;
    const clock = { nowMs: () => startMs + elapsedMs, monotonicMs: () => elapsedMs };
    const sleep = async (ms: number) => {
      elapsedMs += ms;
      await onSleep();
    };
    const users = usersOf(vendor, { ensure: true }, store, { clock, sleep });
    return { ...users, sleptMs: () => elapsedMs };
  }

  /** Creates a vendor that keeps one user per external id, as every vendor must. `kept` holds these users. */
  function createIdempotentVendor(fail: () => boolean = () => false) {
    const requested: string[] = [];
    const kept = new Map<string, string>();
    const ensureUser = async (name: string) => {
      requested.push(name);
      await new Promise((resolve) => setImmediate(resolve));
      if (fail()) throw new Error('down');
      const created = !kept.has(name);
      if (created) kept.set(name, `user-${kept.size + 1}`);
      return { vendorUserId: kept.get(name) ?? '', created };
    };
    return { requested, kept, vendor: { id: 'vital', users: { ensureUser }, close } satisfies Vendor };
  }

  test('concurrent first requests of one principal at five brokers create one vendor user', async () => {
    const { vendor: vital, requested } = createIdempotentVendor();
    const store = createSqliteStore(':memory:');
    const onSleep = () => new Promise((resolve) => setImmediate(resolve));
    const brokers = Array.from({ length: 5 }, () => createBroker(vital, store, { onSleep }));
    const all = await Promise.all(Array.from({ length: 100 }, (_, index) => brokers[index % 5]?.resolve(alice)));
    expect(new Set(all)).toEqual(new Set(['user-1']));
    expect(requested).toHaveLength(1);
  });

  test('a broker waits three seconds for a broker that crashed, and then creates the vendor user', async () => {
    const { vendor: vital } = createIdempotentVendor();
    const store = createSqliteStore(':memory:');
    const nowMs = 1_000_000;
    await store.reserveVendorUser(key, { owner: 'crashed', nowMs, expiresAtMs: nowMs + 3000 });
    const broker = createBroker(vital, store, { startMs: nowMs });
    expect(await broker.resolve(alice)).toBe('user-1');
    expect(broker.sleptMs()).toBe(3000);
  });

  test('a broker whose clock is far behind waits three seconds, creates the vendor user and does not replace the reservation', async () => {
    const { vendor: vital } = createIdempotentVendor();
    const store = createSqliteStore(':memory:');
    await store.reserveVendorUser(key, { owner: 'other', nowMs: 9e9, expiresAtMs: 9e9 + 3000 });
    const broker = createBroker(vital, store);
    expect(await broker.resolve(alice)).toBe('user-1');
    expect(broker.sleptMs()).toBe(3000);
    expect(await store.reserveVendorUser(key, { owner: 'third', nowMs: 9e9, expiresAtMs: 9e9 })).toBe(false);
  });

  test('a waiting broker returns the vendor user that another broker stored, without calling the vendor', async () => {
    const { vendor: vital, requested } = createIdempotentVendor();
    const store = createSqliteStore(':memory:');
    await store.reserveVendorUser(key, { owner: 'other', nowMs: 0, expiresAtMs: 9e9 });
    const onSleep = () => store.addVendorUser(key, 'u-1');
    expect(await createBroker(vital, store, { onSleep }).resolve(alice)).toBe('u-1');
    expect(requested).toEqual([]);
  });

  test('a failed creation releases the reservation, so that the next broker does not wait', async () => {
    let failures = 1;
    const { vendor: vital, requested } = createIdempotentVendor(() => failures-- > 0);
    const store = createSqliteStore(':memory:');
    const [first, second] = [createBroker(vital, store), createBroker(vital, store)];
    await expect(first.resolve(alice)).rejects.toThrow('down');
    expect(await second.resolve(alice)).toBe('user-1');
    expect(second.sleptMs()).toBe(0);
    expect(requested).toHaveLength(2);
  });

  test('the broker does not create a second vendor user if it could not store the first one', async () => {
    const { vendor: vital, kept } = createIdempotentVendor();
    const store = createSqliteStore(':memory:');
    const unstorable = { ...store, addVendorUser: () => Promise.reject(new Error('no room')) };
    await expect(createBroker(vital, unstorable).resolve(alice)).rejects.toThrow('no room');
    expect(await createBroker(vital, store).resolve(alice)).toBe('user-1');
    expect(kept.size).toBe(1);
  });

  test('neither the request whose reservation cannot be released nor the next request fails', async () => {
    const { vendor: vital } = createIdempotentVendor();
    const store = createSqliteStore(':memory:');
    const stuck = { ...store, releaseVendorUser: () => Promise.reject(new Error('cannot be released')) };
    expect(await createBroker(vital, stuck).resolve(alice)).toBe('user-1');
    expect(await createBroker(vital, store).resolve(alice)).toBe('user-1');
  });

  test('a request returns the vendor user that the operator stores while the vendor creates another one', async () => {
    const store = createSqliteStore(':memory:');
    const { vendor: vital, firstRequest, respond } = createVendor();
    const resolved = createBroker(vital, store).resolve(alice);
    await firstRequest;
    await store.setVendorUser(key, 'by-operator');
    respond('u-1');
    expect(await resolved).toBe('by-operator');
  });
});
