import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Store, StoredVendorUser } from '../../src/storage/store.ts';
import { testStoreChanges } from './store-changes-conformance.ts';
import { testChain } from './chain-conformance.ts';
import { alice, decision, testStoreDecisions } from './store-decisions-conformance.ts';
import { testStoreLists } from './store-lists-conformance.ts';

/** An empty database for one test. Each `open` stands for another process that uses it. */
export interface TestDatabase {
  readonly open: () => Store;
  readonly drop: () => Promise<void>;
}

/** Pairs of texts that some databases confuse or refuse. */
const lookalikes: readonly [string, string][] = [
  ['alice', 'Alice'],
  ['alice', 'alice '],
  ['alice', 'alice\0'],
  ['\0', '\\u0000'],
  ['\ud800', '\ud801'],
  ['\u00e9', 'e\u0301'],
  ['a"b', 'a\\"b'],
  ["'; DROP TABLE vendor_user; --", '%'],
  ['$1', '?'],
  ['a\nb', 'a b'],
];

/** Defines the tests that every store must pass. The test of each implementation calls it. */
export function testStore(createDatabase: () => Promise<TestDatabase>): void {
  let database: TestDatabase;
  let stores: Store[];
  let store: Store;
  const open = () => {
    const opened = database.open();
    stores.push(opened);
    return opened;
  };
  beforeEach(async () => {
    database = await createDatabase();
    stores = [];
    store = open();
  });
  afterEach(async () => {
    await Promise.all(stores.map((opened) => opened.close().catch(() => undefined)));
    await database.drop();
  });

  describe('blocked users', () => {
    test('blocks a principal for every process until it is unblocked', async () => {
      const other = open();
      expect(await store.isBlocked(alice)).toBe(false);
      await store.blockUser(alice);
      await store.blockUser(alice);
      expect(await other.isBlocked(alice)).toBe(true);
      expect(await store.isBlocked({ ...alice, issuer: 'https://other.example.com' })).toBe(false);
      expect(await other.unblockUser(alice)).toBe(true);
      expect(await other.unblockUser(alice)).toBe(false);
      expect(await store.isBlocked(alice)).toBe(false);
    });

    test.each(lookalikes)('blocking the subject %j does not block %j', async (one, other) => {
      await store.blockUser({ ...alice, subject: one });
      expect(await store.isBlocked({ ...alice, subject: one })).toBe(true);
      expect(await store.isBlocked({ ...alice, subject: other })).toBe(false);
    });
  });

  describe('the issuers of a store', () => {
    const rule = { issuer: 'https://id.example.com', subjectClaims: 'sub' };

    test('lists each issuer of a vendor user or of a block once, with its rule', async () => {
      expect(await store.listIssuers()).toEqual([]);
      for (const subject of ['alice', 'bob']) await store.addVendorUser({ ...alice, subject }, `user-${subject}`);
      await store.blockUser({ issuer: 'https://blocked.example.com', subject: 'eve' });
      await store.setSubjectRule(rule, undefined);
      await store.setSubjectRule({ issuer: 'https://rule.example.com/{}', subjectClaims: 'oid tid' }, undefined);
      const listed = await open().listIssuers();
      expect(listed.toSorted((one, other) => one.issuer.localeCompare(other.issuer))).toEqual([
        { issuer: 'https://blocked.example.com', hasUsers: true },
        { issuer: 'https://id.example.com', subjectClaims: 'sub', hasUsers: true },
        { issuer: 'https://rule.example.com/{}', subjectClaims: 'oid tid', hasUsers: false },
      ]);
    });

    test('marks an issuer whose only users are blocked, beside its rule', async () => {
      await store.setSubjectRule(rule, undefined);
      await store.blockUser(alice);
      expect(await store.listIssuers()).toEqual([{ ...rule, hasUsers: true }]);
    });

    test('keeps a rule that is not the one to replace', async () => {
      await store.setSubjectRule(rule, undefined);
      await store.setSubjectRule({ ...rule, subjectClaims: 'uid' }, undefined);
      await store.setSubjectRule({ ...rule, subjectClaims: 'uid' }, 'oid');
      expect(await store.listIssuers()).toEqual([{ ...rule, hasUsers: false }]);
      await store.setSubjectRule({ ...rule, subjectClaims: 'uid' }, 'sub');
      expect(await store.listIssuers()).toEqual([{ ...rule, subjectClaims: 'uid', hasUsers: false }]);
    });

    test('a remembered rule is no vendor user of a principal', async () => {
      await store.setSubjectRule(rule, undefined);
      expect(await store.listVendorUsers(alice)).toEqual([]);
      expect(await store.findVendorUser(alice)).toBeUndefined();
    });
  });

  describe('vendor users', () => {
    test('keeps the first vendor user of a principal', async () => {
      expect(await store.findVendorUser(alice)).toBeUndefined();
      expect(await store.addVendorUser(alice, 'one')).toBe('one');
      expect(await store.addVendorUser(alice, 'two')).toBe('one');
      expect(await store.findVendorUser(alice)).toBe('one');
    });

    test('forgets a vendor user that the broker created, and no other one', async () => {
      await store.addVendorUser(alice, 'one');
      await store.addVendorUser(alice, 'two');
      expect(await store.forgetVendorUser(alice, 'two')).toBe(false);
      expect(await store.forgetVendorUser({ ...alice, subject: 'bob' }, 'one')).toBe(false);
      expect(await store.forgetVendorUser(alice, 'one')).toBe(true);
      expect(await store.findVendorUser(alice)).toBeUndefined();
    });

    test('forgets no vendor user that the operator chose, even if the broker created or adds the same one', async () => {
      await store.addVendorUser(alice, 'one');
      await store.setVendorUser(alice, 'two');
      expect(await store.forgetVendorUser(alice, 'two')).toBe(false);
      await store.setVendorUser(alice, 'one');
      expect(await store.addVendorUser(alice, 'one')).toBe('one');
      expect(await store.forgetVendorUser(alice, 'one')).toBe(false);
      await store.removeVendorUser(alice, 'one');
      await store.addVendorUser(alice, 'two');
      expect(await store.forgetVendorUser(alice, 'two')).toBe(true);
    });

    test('forgets a vendor user that was created again while another process forgot it', async () => {
      await store.addVendorUser(alice, 'one');
      await Promise.all([store.forgetVendorUser(alice, 'one'), open().addVendorUser(alice, 'one')]);
      // The creation may have been before: then none is stored.
      const isStored = (await store.findVendorUser(alice)) === 'one';
      expect(await store.forgetVendorUser(alice, 'one')).toBe(isStored);
    });

    test('keeps one vendor user when two processes add 40 at once, and returns it to every call', async () => {
      const other = open();
      const results = await Promise.all(
        Array.from({ length: 40 }, (_, index) => (index % 2 ? store : other).addVendorUser(alice, `user-${index}`)),
      );
      expect(new Set(results)).toEqual(new Set([await store.findVendorUser(alice)]));
    });

    test('finds no vendor user under another connection, vendor, issuer or subject', async () => {
      await store.addVendorUser(alice, 'one');
      const others = [
        { connection: 'nabla' },
        { vendor: 'nabla' },
        { connection: 'nabla', vendor: 'nabla' },
        { issuer: 'https://else.example.com' },
        { subject: 'bob' },
      ];
      for (const other of others) expect(await store.findVendorUser({ ...alice, ...other })).toBeUndefined();
    });

    test.each(lookalikes)('keeps the vendor users of the subjects %j and %j apart and unchanged', async (one, two) => {
      await store.addVendorUser({ ...alice, subject: one }, one);
      await store.addVendorUser({ ...alice, subject: two }, two);
      expect(await store.findVendorUser({ ...alice, subject: one })).toBe(one);
      expect(await store.findVendorUser({ ...alice, subject: two })).toBe(two);
    });

    test('keeps one vendor user for each pair of similar issuers and subjects', async () => {
      const texts = lookalikes.flat();
      const keys = texts.flatMap((issuer) => texts.map((subject) => ({ ...alice, issuer, subject })));
      const vendorUserIds = keys.map(({ issuer, subject }) => JSON.stringify([issuer, subject]));
      await Promise.all(keys.map((key, index) => store.addVendorUser(key, vendorUserIds[index] ?? '')));
      expect(await Promise.all(keys.map((key) => store.findVendorUser(key)))).toEqual(vendorUserIds);
    });

    test('replaces a vendor user when an operator sets it, and removes only the one that is named', async () => {
      await store.setVendorUser(alice, 'one');
      await store.setVendorUser(alice, 'two');
      await store.setVendorUser({ ...alice, connection: 'nabla', vendor: 'nabla' }, 'three');
      await store.setVendorUser({ ...alice, connection: 'nabla' }, 'four');
      expect(await store.removeVendorUser(alice, 'one')).toBe(false);
      const byVendorUserId = (one: StoredVendorUser, other: StoredVendorUser) =>
        one.vendorUserId.localeCompare(other.vendorUserId);
      expect((await store.listVendorUsers(alice)).toSorted(byVendorUserId)).toEqual([
        { connection: 'nabla', vendor: 'vital', vendorUserId: 'four' },
        { connection: 'nabla', vendor: 'nabla', vendorUserId: 'three' },
        { connection: 'vital', vendor: 'vital', vendorUserId: 'two' },
      ]);
      expect(await store.removeVendorUser(alice, 'two')).toBe(true);
      expect(await store.findVendorUser(alice)).toBeUndefined();
    });
  });

  testChain({ open });
  testStoreDecisions(() => store);
  testStoreLists(() => store);
  testStoreChanges(open);

  describe('reservations', () => {
    const reserve = (from: Store, owner: string, nowMs: number) =>
      from.reserveVendorUser(alice, { owner, nowMs, expiresAtMs: nowMs + 1000 });

    test('a reservation belongs to one owner until that owner releases it', async () => {
      expect(await reserve(store, 'a', 0)).toBe(true);
      expect(await reserve(open(), 'b', 999)).toBe(false);
      await store.releaseVendorUser(alice, 'b');
      expect(await reserve(store, 'b', 999)).toBe(false);
      await store.releaseVendorUser(alice, 'a');
      expect(await reserve(store, 'b', 999)).toBe(true);
    });

    test('exactly one of 40 concurrent reservations from two processes succeeds', async () => {
      const other = open();
      const results = await Promise.all(
        Array.from({ length: 40 }, (_, index) => reserve(index % 2 ? store : other, `owner-${index}`, 0)),
      );
      expect(results.filter(Boolean)).toHaveLength(1);
    });

    test('exactly one other owner gets an expired reservation, and the first owner can no longer release it', async () => {
      await reserve(store, 'expired', 0);
      const results = await Promise.all(['b', 'c', 'd'].map((owner) => reserve(store, owner, 1000)));
      expect(results.filter(Boolean)).toHaveLength(1);
      await store.releaseVendorUser(alice, 'expired');
      expect(await reserve(store, 'e', 1001)).toBe(false);
    });

    test('a reservation for one principal does not block another, and is not a vendor user', async () => {
      await reserve(store, 'a', 0);
      expect(
        await store.reserveVendorUser({ ...alice, subject: 'bob' }, { owner: 'b', nowMs: 0, expiresAtMs: 1 }),
      ).toBe(true);
      expect(await store.findVendorUser(alice)).toBeUndefined();
    });
  });

  test('another process reads written rows at once, and a later process reads them after the first has closed', async () => {
    await store.addVendorUser(alice, 'one');
    await store.recordDecisions([decision]);
    expect(await open().findVendorUser(alice)).toBe('one');
    await store.close();
    const later = open();
    expect(await later.addVendorUser(alice, 'two')).toBe('one');
    expect((await later.listDecisions({ limit: 10 })).decisions).toEqual([decision]);
  });

  test('eight processes create the tables of one database at once', async () => {
    const opened = Array.from({ length: 8 }, open);
    await Promise.all(opened.map((each, index) => each.recordDecisions([{ ...decision, requestId: `r${index}` }])));
    expect((await store.listDecisions({ limit: 100 })).decisions).toHaveLength(8);
  });

  test('check stores no decision and no vendor user', async () => {
    await Promise.all([store.check(), open().check()]);
    await store.check();
    expect((await store.listDecisions({ limit: 10 })).decisions).toEqual([]);
    expect(await store.listVendorUsers({ issuer: '', subject: '' })).toEqual([]);
  });

  test('a closed store rejects every call with overloaded and a reason', async () => {
    await store.check();
    await store.close();
    const attempts = [
      store.check(),
      store.findVendorUser(alice),
      store.addVendorUser(alice, 'one'),
      store.recordDecisions([decision]),
    ];
    for (const attempt of attempts) {
      await expect(attempt).rejects.toMatchObject({ code: 'overloaded', retryable: true, reason: expect.any(String) });
    }
  });
}
