import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Decision, Store } from '../../src/storage/store.ts';

/** A database of its own for one test, empty at first; each `open` is another process that uses it. */
export interface TestDatabase {
  readonly open: () => Store;
  readonly drop: () => Promise<void>;
}

const alice = { connection: 'vital', issuer: 'https://id.example.com', subject: 'alice' };
const decision: Decision = {
  at: '2026-01-01T00:00:00.000Z',
  requestId: 'r1',
  operation: 'issue',
  ...alice,
  vendorUserId: 'one',
  outcome: 'allowed',
};

/** Two texts that databases take for one, or do not take at all. */
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

/** What every store promises. Each implementation's test calls it. */
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
    test('are those who were blocked, for every process, until they are unblocked', async () => {
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

    test.each(lookalikes)('%j is not %j', async (one, other) => {
      await store.blockUser({ ...alice, subject: one });
      expect(await store.isBlocked({ ...alice, subject: one })).toBe(true);
      expect(await store.isBlocked({ ...alice, subject: other })).toBe(false);
    });
  });

  test('old decisions are forgotten, so many at a time, and no other', async () => {
    const at = (index: number) => new Date(Date.UTC(2026, 0, 1) + index * 1_000).toISOString();
    for (let index = 0; index < 1_003; index += 1) {
      await store.recordDecision({ ...decision, at: at(index), requestId: `r${index}` });
    }
    // A clock that went ahead once holds nothing up.
    await store.recordDecision({ ...decision, at: at(2_000), requestId: 'ahead' });
    const beforeMs = Date.parse(at(1_001));
    expect(await store.deleteDecisions(Date.parse(at(0)))).toBe(0);
    expect(await store.deleteDecisions(beforeMs)).toBe(1_000);
    expect(await store.deleteDecisions(beforeMs)).toBe(1);
    expect(await store.deleteDecisions(beforeMs)).toBe(0);
    expect((await store.listDecisions(10)).map(({ requestId }) => requestId)).toEqual(['ahead', 'r1002', 'r1001']);
  });

  describe('vendor users', () => {
    test('the first of a person is kept', async () => {
      expect(await store.findVendorUser(alice)).toBeUndefined();
      expect(await store.addVendorUser(alice, 'one')).toBe('one');
      expect(await store.addVendorUser(alice, 'two')).toBe('one');
      expect(await store.findVendorUser(alice)).toBe('one');
    });

    test('of many at once from two processes, one is kept and each is answered that one', async () => {
      const other = open();
      const answers = await Promise.all(
        Array.from({ length: 40 }, (_, index) => (index % 2 ? store : other).addVendorUser(alice, `user-${index}`)),
      );
      expect(new Set(answers)).toEqual(new Set([await store.findVendorUser(alice)]));
    });

    test('another vendor, issuer or subject is another person', async () => {
      await store.addVendorUser(alice, 'one');
      for (const other of [{ connection: 'nabla' }, { issuer: 'https://else.example.com' }, { subject: 'bob' }]) {
        expect(await store.findVendorUser({ ...alice, ...other })).toBeUndefined();
      }
    });

    test.each(lookalikes)('%j is not %j, and comes back as it was', async (one, two) => {
      await store.addVendorUser({ ...alice, subject: one }, one);
      await store.addVendorUser({ ...alice, subject: two }, two);
      expect(await store.findVendorUser({ ...alice, subject: one })).toBe(one);
      expect(await store.findVendorUser({ ...alice, subject: two })).toBe(two);
    });

    test('no two people whose names are written alike share one', async () => {
      const texts = lookalikes.flat();
      const keys = texts.flatMap((issuer) => texts.map((subject) => ({ connection: 'vital', issuer, subject })));
      const own = keys.map(({ issuer, subject }) => JSON.stringify([issuer, subject]));
      await Promise.all(keys.map((key, index) => store.addVendorUser(key, own[index] ?? '')));
      expect(await Promise.all(keys.map((key) => store.findVendorUser(key)))).toEqual(own);
    });

    test('an operator sets what is there, and forgets exactly one', async () => {
      await store.setVendorUser(alice, 'one');
      await store.setVendorUser(alice, 'two');
      await store.setVendorUser({ ...alice, connection: 'nabla' }, 'three');
      expect(await store.removeVendorUser(alice, 'one')).toBe(false);
      expect(await store.listVendorUsers(alice)).toEqual(
        new Map([
          ['vital', 'two'],
          ['nabla', 'three'],
        ]),
      );
      expect(await store.removeVendorUser(alice, 'two')).toBe(true);
      expect(await store.findVendorUser(alice)).toBeUndefined();
    });
  });

  describe('reservations', () => {
    const reserve = (from: Store, owner: string, nowMs: number) =>
      from.reserveVendorUser(alice, { owner, nowMs, expiresAtMs: nowMs + 1000 });

    test('one owner has it until it is given back', async () => {
      expect(await reserve(store, 'a', 0)).toBe(true);
      expect(await reserve(open(), 'b', 999)).toBe(false);
      await store.releaseVendorUser(alice, 'b');
      expect(await reserve(store, 'b', 999)).toBe(false);
      await store.releaseVendorUser(alice, 'a');
      expect(await reserve(store, 'b', 999)).toBe(true);
    });

    test('of many at once from two processes, one has it', async () => {
      const other = open();
      const answers = await Promise.all(
        Array.from({ length: 40 }, (_, index) => reserve(index % 2 ? store : other, `owner-${index}`, 0)),
      );
      expect(answers.filter(Boolean)).toHaveLength(1);
    });

    test('one that ended is taken over once, and its late owner cannot give it back', async () => {
      await reserve(store, 'died', 0);
      const answers = await Promise.all(['b', 'c', 'd'].map((owner) => reserve(store, owner, 1000)));
      expect(answers.filter(Boolean)).toHaveLength(1);
      await store.releaseVendorUser(alice, 'died');
      expect(await reserve(store, 'e', 1001)).toBe(false);
    });

    test('of one person are nothing to another, and are no vendor user', async () => {
      await reserve(store, 'a', 0);
      expect(
        await store.reserveVendorUser({ ...alice, subject: 'bob' }, { owner: 'b', nowMs: 0, expiresAtMs: 1 }),
      ).toBe(true);
      expect(await store.findVendorUser(alice)).toBeUndefined();
    });
  });

  test('decisions come newest first, as they were recorded', async () => {
    const refused = {
      ...decision,
      requestId: 'r2',
      connection: 'no\0where',
      vendorUserId: undefined,
      outcome: 'forbidden',
    };
    await store.recordDecision(decision);
    await store.recordDecision(refused);
    expect(await store.listDecisions(10)).toEqual([refused, decision]);
    expect(await store.listDecisions(1)).toEqual([refused]);
  });

  test('what is written outlives the process, and is another\u2019s at once', async () => {
    await store.addVendorUser(alice, 'one');
    await store.recordDecision(decision);
    expect(await open().findVendorUser(alice)).toBe('one');
    await store.close();
    const later = open();
    expect(await later.addVendorUser(alice, 'two')).toBe('one');
    expect(await later.listDecisions(10)).toEqual([decision]);
  });

  test('many processes may make the tables at once', async () => {
    const all = Array.from({ length: 8 }, open);
    await Promise.all(all.map((each, index) => each.recordDecision({ ...decision, requestId: `r${index}` })));
    expect(await store.listDecisions(100)).toHaveLength(8);
  });

  test('a check leaves nothing that anybody could meet', async () => {
    await Promise.all([store.check(), open().check()]);
    await store.check();
    expect(await store.listDecisions(10)).toEqual([]);
    expect(await store.listVendorUsers({ issuer: '', subject: '' })).toEqual(new Map());
  });

  test('a closed store refuses everything as overloaded, with a word for the operator', async () => {
    await store.check();
    await store.close();
    const attempts = [
      store.check(),
      store.findVendorUser(alice),
      store.addVendorUser(alice, 'one'),
      store.recordDecision(decision),
    ];
    for (const attempt of attempts) {
      await expect(attempt).rejects.toMatchObject({ code: 'overloaded', retryable: true, reason: expect.any(String) });
    }
  });
}
