import { systemClock, type Principal, type Vendor } from '@valetkey/core-types';
import { describe, expect, test } from 'vitest';
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

/** The vendor users of a connection that is named after its vendor. */
function usersOf(
  vendor: Vendor,
  source: VendorUserSource,
  store: Store,
  time: Pick<VendorUsersOptions, 'clock' | 'sleep'> = { clock: systemClock },
) {
  return createVendorUsers({ connection: vendor.id, vendor, source, store, ...time });
}

/** A vendor that makes users when it is told to, so that a test decides what overlaps. */
function createVendor() {
  const asked: string[] = [];
  const { promise: answered, resolve: answer } = Promise.withResolvers<string>();
  const users = {
    ensureUser: async (externalId: string) => {
      asked.push(externalId);
      return { vendorUserId: await answered, created: true };
    },
  };
  return { asked, answer, vendor: { id: 'vital', users, close } satisfies Vendor };
}

describe('by claim', () => {
  const store = createSqliteStore(':memory:');

  test('the claim, or the subject', async () => {
    expect(await usersOf(vendor, { claim: 'patient' }, store).resolve(alice)).toBe('p-1');
    expect(await usersOf(vendor, { claim: 'sub' }, store).resolve(alice)).toBe('alice');
  });

  test.each(['absent', 'number', 'broken', '__proto__', 'constructor'])(
    'a claim that is no text (%s) names nobody',
    async (claim) => {
      const users = usersOf(vendor, { claim }, store);
      await expect(users.resolve(alice)).rejects.toMatchObject({ code: 'vendor_user_not_found', vendor: 'nabla' });
    },
  );

  test('the claim of another issuer names nobody', async () => {
    const users = usersOf(vendor, { claim: 'patient', issuer: 'https://else.example.com' }, store);
    expect(await users.known(alice)).toBeUndefined();
    await expect(users.resolve(alice)).rejects.toMatchObject({
      remediation: expect.stringContaining('else.example.com'),
    });
  });
});

test('by mapping: only whom the operator stored', async () => {
  const store = createSqliteStore(':memory:');
  const users = usersOf(vendor, { mapping: true }, store);
  await expect(users.resolve(alice)).rejects.toMatchObject({ code: 'vendor_user_not_found' });
  await store.setVendorUser({ connection: 'nabla', issuer: alice.issuer, subject: alice.subject }, 'p-9');
  expect(await users.resolve(alice)).toBe('p-9');
  expect(await users.forget(alice, 'p-9')).toBe(false);
});

describe('by the vendor', () => {
  test('a hundred first sign-ins of one person at once ask for one user', async () => {
    const { vendor: vital, asked, answer } = createVendor();
    const users = usersOf(vital, { ensure: true }, createSqliteStore(':memory:'));
    const all = Array.from({ length: 100 }, () => users.resolve(alice));
    await new Promise((resolve) => setImmediate(resolve));
    answer('u-1');
    expect(new Set(await Promise.all(all))).toEqual(new Set(['u-1']));
    expect(asked).toEqual([externalIdOf(alice)]);
    expect(await users.resolve(alice)).toBe('u-1');
    expect(asked).toHaveLength(1);
  });

  test('a failure is shared by those who wait and remembered by nobody', async () => {
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

  test('under the name that the vendor already knows', async () => {
    const { vendor: vital, asked, answer } = createVendor();
    answer('u-1');
    const users = usersOf(vital, { ensure: { externalIdClaim: 'patient' } }, createSqliteStore(':memory:'));
    await users.resolve(alice);
    expect(asked).toEqual(['p-1']);
  });

  test('a vendor user that is gone is made again', async () => {
    const { vendor: vital, answer } = createVendor();
    answer('u-2');
    const store = createSqliteStore(':memory:');
    const users = usersOf(vital, { ensure: true }, store);
    await store.addVendorUser({ connection: 'vital', issuer: alice.issuer, subject: alice.subject }, 'u-1');
    expect(await users.resolve(alice)).toBe('u-1');
    expect(await users.forget(alice, 'u-1')).toBe(true);
    expect(await users.resolve(alice)).toBe('u-2');
    // Who found the old one gone only now takes nothing away from the new one.
    expect(await users.forget(alice, 'u-1')).toBe(true);
    expect(await users.known(alice)).toBe('u-2');
  });

  test('the name is what the issuer says who is asked for it, and no other', async () => {
    const { vendor: vital, asked, answer } = createVendor();
    answer('u-1');
    const usersWhoseIssuerIs = (issuer: string) =>
      usersOf(vital, { ensure: { externalIdClaim: 'patient', issuer } }, createSqliteStore(':memory:'));
    await expect(usersWhoseIssuerIs('https://else.example.com').resolve(alice)).rejects.toMatchObject({
      code: 'vendor_user_not_found',
    });
    expect(asked).toEqual([]);
    expect(await usersWhoseIssuerIs(alice.issuer).resolve(alice)).toBe('u-1');
  });

  test('a name of more than 255 characters is none', async () => {
    const { vendor: vital, answer } = createVendor();
    answer('u-1');
    const resolve = (length: number) =>
      usersOf(vital, { ensure: { externalIdClaim: 'name' } }, createSqliteStore(':memory:')).resolve({
        ...alice,
        claims: { name: 'x'.repeat(length) },
      });
    expect(await resolve(255)).toBe('u-1');
    await expect(resolve(256)).rejects.toMatchObject({ code: 'vendor_user_not_found' });
  });
});

describe('by the vendor, over several brokers', () => {
  const key = { connection: 'vital', issuer: alice.issuer, subject: alice.subject };

  /** One broker: its time passes when it sleeps, and it notes how long it slept. */
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

  /** A vendor that keeps one user for one name, as each has to. */
  function createIdempotentVendor(fail: () => boolean = () => false) {
    const asked: string[] = [];
    const kept = new Map<string, string>();
    const ensureUser = async (name: string) => {
      asked.push(name);
      await new Promise((resolve) => setImmediate(resolve));
      if (fail()) throw new Error('down');
      const created = !kept.has(name);
      if (created) kept.set(name, `user-${kept.size + 1}`);
      return { vendorUserId: kept.get(name) ?? '', created };
    };
    return { asked, kept, vendor: { id: 'vital', users: { ensureUser }, close } satisfies Vendor };
  }

  test('first sign-ins of one person at all of them ask for one user', async () => {
    const { vendor: vital, asked } = createIdempotentVendor();
    const store = createSqliteStore(':memory:');
    const onSleep = () => new Promise((resolve) => setImmediate(resolve));
    const brokers = Array.from({ length: 5 }, () => createBroker(vital, store, { onSleep }));
    const all = await Promise.all(Array.from({ length: 100 }, (_, index) => brokers[index % 5]?.resolve(alice)));
    expect(new Set(all)).toEqual(new Set(['user-1']));
    expect(asked).toHaveLength(1);
  });

  test('one that died while it created frees the person after three seconds', async () => {
    const { vendor: vital } = createIdempotentVendor();
    const store = createSqliteStore(':memory:');
    const nowMs = 1_000_000;
    await store.reserveVendorUser(key, { owner: 'died', nowMs, expiresAtMs: nowMs + 3000 });
    const broker = createBroker(vital, store, { startMs: nowMs });
    expect(await broker.resolve(alice)).toBe('user-1');
    expect(broker.sleptMs()).toBe(3000);
  });

  test('one whose clock is far behind waits no longer', async () => {
    const { vendor: vital } = createIdempotentVendor();
    const store = createSqliteStore(':memory:');
    await store.reserveVendorUser(key, { owner: 'other', nowMs: 9e9, expiresAtMs: 9e9 + 3000 });
    const broker = createBroker(vital, store);
    expect(await broker.resolve(alice)).toBe('user-1');
    expect(broker.sleptMs()).toBe(3000);
    expect(await store.reserveVendorUser(key, { owner: 'third', nowMs: 9e9, expiresAtMs: 9e9 })).toBe(false);
  });

  test('who waits takes what the other stored, and asks for nothing', async () => {
    const { vendor: vital, asked } = createIdempotentVendor();
    const store = createSqliteStore(':memory:');
    await store.reserveVendorUser(key, { owner: 'other', nowMs: 0, expiresAtMs: 9e9 });
    const onSleep = () => store.addVendorUser(key, 'u-1');
    expect(await createBroker(vital, store, { onSleep }).resolve(alice)).toBe('u-1');
    expect(asked).toEqual([]);
  });

  test('a failure frees the person at once, and the next tries for itself', async () => {
    let failures = 1;
    const { vendor: vital, asked } = createIdempotentVendor(() => failures-- > 0);
    const store = createSqliteStore(':memory:');
    const [first, second] = [createBroker(vital, store), createBroker(vital, store)];
    await expect(first.resolve(alice)).rejects.toThrow('down');
    expect(await second.resolve(alice)).toBe('user-1');
    expect(second.sleptMs()).toBe(0);
    expect(asked).toHaveLength(2);
  });

  test('a user that was made and not stored is adopted', async () => {
    const { vendor: vital, kept } = createIdempotentVendor();
    const store = createSqliteStore(':memory:');
    const lost = { ...store, addVendorUser: () => Promise.reject(new Error('no room')) };
    await expect(createBroker(vital, lost).resolve(alice)).rejects.toThrow('no room');
    expect(await createBroker(vital, store).resolve(alice)).toBe('user-1');
    expect(kept.size).toBe(1);
  });

  test('a reservation that cannot be given back spoils nothing', async () => {
    const { vendor: vital } = createIdempotentVendor();
    const store = createSqliteStore(':memory:');
    const stuck = { ...store, releaseVendorUser: () => Promise.reject(new Error('gone')) };
    expect(await createBroker(vital, stuck).resolve(alice)).toBe('user-1');
    expect(await createBroker(vital, store).resolve(alice)).toBe('user-1');
  });

  test('an operator who maps the person meanwhile has the last word', async () => {
    const store = createSqliteStore(':memory:');
    const { vendor: vital, answer, asked } = createVendor();
    const resolved = createBroker(vital, store).resolve(alice);
    await expect.poll(() => asked).toHaveLength(1);
    await store.setVendorUser(key, 'by-operator');
    answer('u-1');
    expect(await resolved).toBe('by-operator');
  });
});

describe('externalIdOf', () => {
  test('tells apart what only looks alike', () => {
    const people = [
      ['https://a', 'b'],
      ['https://a","b', ''],
      ['https://a', 'B'],
      ['https://a', 'b '],
      ['https://ab', ''],
      ['https://a', '\u00e9'],
      ['https://a', 'e\u0301'],
    ];
    expect(new Set(people.map(([issuer = '', subject = '']) => externalIdOf({ issuer, subject }))).size).toBe(
      people.length,
    );
  });

  test('does not say who the person is, and does not change', () => {
    expect(externalIdOf({ issuer: 'https://id.example.com', subject: 'alice' })).toBe(
      externalIdOf({ issuer: 'https://id.example.com', subject: 'alice' }),
    );
    expect(externalIdOf(alice)).toMatch(/^vk_[\w-]{43}$/);
  });
});
