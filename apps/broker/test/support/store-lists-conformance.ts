import { describe, expect, test } from 'vitest';
import type { Page, PrincipalId, Store, VendorUserKey } from '../../src/storage/store.ts';

const vital = { connection: 'vital', vendor: 'vital' };
const european = { connection: 'vital-eu', vendor: 'vital' };
const one = 'https://one.example.com';
const two = 'https://two.example.com';
const texts = ['alice', 'Alice', 'alice ', 'alice\0', '\ud800', '\u00e9', "'; --", '%', '$1', 'a\nb'];

/** Reads a list page by page. Calls `between` after each page but the last. */
async function readPages<Key, Row extends Key>(
  list: (page: Page<Key>) => Promise<Row[]>,
  limit: number,
  between: () => Promise<unknown> = async () => undefined,
): Promise<Row[]> {
  const rows: Row[] = [];
  for (;;) {
    const page = await list({ limit, after: rows.at(-1) });
    expect(page.length).toBeLessThanOrEqual(limit);
    rows.push(...page);
    if (page.length < limit) return rows;
    await between();
  }
}

const keysOf = (rows: readonly (PrincipalId & Partial<VendorUserKey>)[]) =>
  rows.map(({ issuer, subject, connection = '' }) => JSON.stringify([issuer, subject, connection])).toSorted();

/** Defines the tests about the lists of a store. */
export function testStoreLists(openStore: () => Store): void {
  describe('the lists of a store', () => {
    test.each([1, 3, 7, 100])('returns each mapping once in pages of %i, unchanged', async (limit) => {
      const store = openStore();
      const keys = [one, two].flatMap((issuer) => texts.map((subject) => ({ ...vital, issuer, subject })));
      const other = { ...european, issuer: one, subject: 'alice' };
      for (const key of [...keys, other]) await store.setVendorUser(key, key.subject);
      await store.setSubjectRule({ issuer: one, subjectClaims: 'sub' }, undefined);
      const listed = await readPages<VendorUserKey, VendorUserKey>(store.listMappings, limit);
      expect(keysOf(listed)).toEqual(keysOf([...keys, other]));
      expect(listed).toContainEqual({ ...other, vendorUserId: 'alice' });
    });

    test('returns the mappings of one issuer or one connection only', async () => {
      const store = openStore();
      const keys = [one, two].flatMap((issuer) =>
        [vital, european].flatMap((target) => ['alice', 'bob'].map((subject) => ({ ...target, issuer, subject }))),
      );
      for (const key of keys) await store.setVendorUser(key, 'user');
      const list = async (filter: Pick<Parameters<Store['listMappings']>[0], 'issuer' | 'target'>) =>
        keysOf(await readPages<VendorUserKey, VendorUserKey>((page) => store.listMappings({ ...page, ...filter }), 1));
      expect(await list({ issuer: two })).toEqual(keysOf(keys.filter(({ issuer }) => issuer === two)));
      expect(await list({ target: european })).toEqual(
        keysOf(keys.filter(({ connection }) => connection === 'vital-eu')),
      );
      expect(await list({ issuer: one, target: vital })).toEqual(
        keysOf(keys.filter(({ issuer, connection }) => issuer === one && connection === 'vital')),
      );
      expect(await list({ target: { connection: 'vital-eu', vendor: 'nabla' } })).toEqual([]);
      expect(await list({ issuer: 'https://none.example.com' })).toEqual([]);
    });

    test('keeps the pages of a list while rows are added and removed', async () => {
      const store = openStore();
      const keyOf = (index: number) => ({ ...vital, issuer: one, subject: `user-${index}` });
      const stable = [10, 20, 30, 40, 50, 60].map(keyOf);
      for (const key of stable) {
        await store.setVendorUser(key, 'user');
        await store.blockUser(key);
      }
      let added = 10;
      const change = async () => {
        added += 1;
        await store.setVendorUser(keyOf(added), 'added');
        await store.blockUser(keyOf(added));
        await store.removeVendorUser(keyOf(added - 1), 'added');
        await store.unblockUser(keyOf(added - 1));
      };
      const mappings = await readPages<VendorUserKey, VendorUserKey>(store.listMappings, 2, change);
      expect(mappings.map(({ subject }) => subject)).toEqual(expect.arrayContaining(stable.map((key) => key.subject)));
      expect(new Set(keysOf(mappings)).size).toBe(mappings.length);
      await store.blockUser(keyOf(10));
      const blocks = await readPages<PrincipalId, PrincipalId>(store.listBlocks, 2, change);
      expect(blocks.map(({ subject }) => subject)).toEqual(
        expect.arrayContaining(stable.slice(1).map((key) => key.subject)),
      );
      expect(new Set(keysOf(blocks)).size).toBe(blocks.length);
    });

    test.each([1, 3, 100])('returns each block once in pages of %i, of all issuers or of one', async (limit) => {
      const store = openStore();
      const principals = [one, two].flatMap((issuer) => texts.map((subject) => ({ issuer, subject })));
      for (const principal of principals) await store.blockUser(principal);
      expect(keysOf(await readPages<PrincipalId, PrincipalId>(store.listBlocks, limit))).toEqual(keysOf(principals));
      const ofTwo = (page: Page<PrincipalId>) => store.listBlocks({ ...page, issuer: two });
      expect(keysOf(await readPages<PrincipalId, PrincipalId>(ofTwo, limit))).toEqual(
        keysOf(principals.filter(({ issuer }) => issuer === two)),
      );
    });

    test('stores the reason, the actor and the time of a block, and replaces them when the user is blocked again', async () => {
      const store = openStore();
      const alice = { issuer: one, subject: 'alice' };
      const details = { reason: 'left\0 \ud800', actor: 'support', at: '2026-01-01T00:00:00.000Z' };
      await store.blockUser(alice, details);
      await store.blockUser({ issuer: one, subject: 'bob' });
      const bob = { issuer: one, subject: 'bob', reason: undefined, actor: undefined, at: undefined };
      expect(await store.listBlocks({ limit: 10 })).toEqual([{ ...alice, ...details }, bob]);
      await store.blockUser(alice, { actor: 'admin', at: '2026-01-02T00:00:00.000Z' });
      expect(await store.listBlocks({ limit: 10 })).toEqual([
        { ...alice, reason: undefined, actor: 'admin', at: '2026-01-02T00:00:00.000Z' },
        bob,
      ]);
    });

    test('lists a decision about a block with its actor and without a connection', async () => {
      const store = openStore();
      const decision = {
        at: '2026-01-01T00:00:00.000Z',
        requestId: 'r1',
        operation: 'block',
        issuer: one,
        subject: 'alice',
        outcome: 'allowed',
        actor: 'support\0',
      } as const;
      await store.recordDecisions([decision]);
      expect((await store.listDecisions({ limit: 1 })).decisions).toEqual([decision]);
    });
  });
}
