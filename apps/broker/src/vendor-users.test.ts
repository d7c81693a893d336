import type { Principal, Vendor } from '@valetkey/core-types';
import { describe, expect, test } from 'vitest';
import { createSqliteStore } from './sqlite-store.ts';
import { createVendorUsers, externalIdOf } from './vendor-users.ts';

const alice: Principal = {
  issuer: 'https://id.example.com',
  subject: 'alice',
  scopes: [],
  claims: { patient: 'p-1', number: 7 },
};
const close = async () => undefined;
const vendor: Vendor = { id: 'nabla', close };

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
    expect(await createVendorUsers(vendor, { claim: 'patient' }, store).resolve(alice)).toBe('p-1');
    expect(await createVendorUsers(vendor, { claim: 'sub' }, store).resolve(alice)).toBe('alice');
  });

  test.each(['absent', 'number', '__proto__', 'constructor'])(
    'a claim that is no text (%s) names nobody',
    async (claim) => {
      const users = createVendorUsers(vendor, { claim }, store);
      await expect(users.resolve(alice)).rejects.toMatchObject({ code: 'vendor_user_not_found', vendor: 'nabla' });
    },
  );

  test('the claim of another issuer names nobody', async () => {
    const users = createVendorUsers(vendor, { claim: 'patient', issuer: 'https://else.example.com' }, store);
    expect(await users.known(alice)).toBeUndefined();
    await expect(users.resolve(alice)).rejects.toMatchObject({
      remediation: expect.stringContaining('else.example.com'),
    });
  });
});

test('by mapping: only whom the operator stored', async () => {
  const store = createSqliteStore(':memory:');
  const users = createVendorUsers(vendor, { mapping: true }, store);
  await expect(users.resolve(alice)).rejects.toMatchObject({ code: 'vendor_user_not_found' });
  await store.setVendorUser({ vendor: 'nabla', issuer: alice.issuer, subject: alice.subject }, 'p-9');
  expect(await users.resolve(alice)).toBe('p-9');
  expect(await users.forget(alice, 'p-9')).toBe(false);
});

describe('by the vendor', () => {
  test('a hundred first sign-ins of one person at once ask for one user', async () => {
    const { vendor: vital, asked, answer } = createVendor();
    const users = createVendorUsers(vital, { ensure: true }, createSqliteStore(':memory:'));
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
    const users = createVendorUsers(
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
    const users = createVendorUsers(vital, { ensure: { externalIdClaim: 'patient' } }, createSqliteStore(':memory:'));
    await users.resolve(alice);
    expect(asked).toEqual(['p-1']);
  });

  test('a vendor user that is gone is made again', async () => {
    const { vendor: vital, answer } = createVendor();
    answer('u-2');
    const store = createSqliteStore(':memory:');
    const users = createVendorUsers(vital, { ensure: true }, store);
    await store.addVendorUser({ vendor: 'vital', issuer: alice.issuer, subject: alice.subject }, 'u-1');
    expect(await users.resolve(alice)).toBe('u-1');
    expect(await users.forget(alice, 'u-1')).toBe(true);
    expect(await users.resolve(alice)).toBe('u-2');
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
