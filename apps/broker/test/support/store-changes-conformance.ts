import { describe, expect, test } from 'vitest';
import type { Change, Logout, Store, UsedProof } from '../../src/storage/store.ts';

const issuer = 'https://id.example.com';
const alice = { connection: 'vital', vendor: 'vital', issuer, subject: 'alice' };
const ofAlice: Change = { issuer, subject: 'alice', session: '' };
const hourMs = 3_600_000;

const logoutOf = (changes: Partial<Logout>): Logout => ({
  issuer,
  tokenId: 'token-1',
  tokenExpiresAtMs: Date.now() + hourMs,
  issuedUntilSeconds: 1_000,
  keepUntilMs: Date.now() + 24 * hourMs,
  ...changes,
});

/** Defines the tests of changes and revocations that every store must pass. */
export function testStoreChanges(open: () => Store): void {
  describe('changes', () => {
    test('tells other processes each block, unblock, and stored or removed vendor user, in the order of their commits', async () => {
      const [store, other] = [open(), open()];
      expect(await other.readChanges(0)).toEqual({ latest: 0, changes: [] });
      await store.blockUser(alice);
      await store.blockUser({ issuer, subject: 'bob' });
      await store.unblockUser(alice);
      await store.setVendorUser(alice, 'one');
      await store.removeVendorUser(alice, 'one');
      await store.addVendorUser(alice, 'two');
      expect(await store.forgetVendorUser(alice, 'two')).toBe(true);
      const ofBob = { ...ofAlice, subject: 'bob' };
      const all = [ofAlice, ofBob, ofAlice, ofAlice, ofAlice, ofAlice];
      expect(await other.readChanges(0)).toEqual({ latest: 6, changes: all });
      expect(await other.readChanges(4)).toEqual({ latest: 6, changes: [ofAlice, ofAlice] });
      expect(await other.readChanges(6)).toEqual({ latest: 6, changes: [] });
    });

    test('reports no changes after a number that the store has not reached, as after the restore of a backup', async () => {
      const store = open();
      await store.blockUser(alice);
      expect(await store.readChanges(2)).toEqual({ latest: 1, changes: undefined });
    });

    test('gives each of 200 concurrent changes of several processes its own number, and a reader misses none', async () => {
      const stores = [open(), open(), open()];
      await Promise.all(stores.map((store) => store.check()));
      const subjects = Array.from({ length: 200 }, (_, index) => `subject-${index}`);
      const reader = open();
      const seen: string[] = [];
      let number = 0;
      const follow = async () => {
        const { latest, changes = [] } = await reader.readChanges(number);
        seen.push(...changes.map(({ subject }) => subject));
        number = latest;
      };
      const progress = { isWriting: true };
      const writing = Promise.all(
        subjects.map((subject, index) => (stores[index % 3] as Store).blockUser({ issuer, subject })),
      ).finally(() => (progress.isWriting = false));
      while (progress.isWriting) await follow();
      await writing;
      await follow();
      expect(number).toBe(200);
      expect(seen.toSorted()).toEqual(subjects.toSorted());
    });

    test('reports missing changes after their rows were deleted, and only then', async () => {
      const store = open();
      await store.blockUser(alice);
      await store.unblockUser(alice);
      expect(await store.deleteExpired(Date.now() + hourMs / 2, 1_000)).toBe(0);
      expect((await store.readChanges(0)).changes).toHaveLength(2);
      expect(await store.deleteExpired(Date.now() + 2 * hourMs, 1_000)).toBe(2);
      expect(await store.readChanges(0)).toEqual({ latest: 2, changes: undefined });
      expect(await store.readChanges(2)).toEqual({ latest: 2, changes: [] });
      await store.blockUser(alice);
      expect(await store.readChanges(2)).toEqual({ latest: 3, changes: [ofAlice] });
    });
  });

  describe('used proofs', () => {
    const nowMs = Date.now();
    const proof = { proofId: 'proof-1', callerId: 'alice', nowMs, expiresAtMs: nowMs + 70_000, maxOfCaller: 3 };

    test('a proof is new once for all processes until it expires', async () => {
      const [store, other] = [open(), open()];
      expect(await store.rememberProof(proof)).toBe('new');
      expect(await store.rememberProof(proof)).toBe('used');
      expect(await other.rememberProof({ ...proof, nowMs: nowMs + 69_999, expiresAtMs: nowMs + 139_999 })).toBe('used');
      expect(await other.rememberProof({ ...proof, proofId: 'proof-2' })).toBe('new');
      expect(await other.rememberProof({ ...proof, nowMs: nowMs + 70_000, expiresAtMs: nowMs + 140_000 })).toBe('new');
      expect(await store.rememberProof({ ...proof, nowMs: nowMs + 139_999, expiresAtMs: nowMs + 210_000 })).toBe(
        'used',
      );
    });

    test('a proof is accepted once although many processes receive it at the same time', async () => {
      const stores = [open(), open(), open(), open()];
      const results = await Promise.all(
        Array.from({ length: 20 }, (_, index) => (stores[index % 4] as Store).rememberProof(proof)),
      );
      expect(results.filter((result) => result === 'new')).toHaveLength(1);
    });

    test('deletes a used proof an hour after its expiry, because the clocks of two brokers may differ', async () => {
      const store = open();
      await store.rememberProof(proof);
      expect(await store.deleteExpired(proof.expiresAtMs + hourMs - 1, 1_000)).toBe(0);
      expect(await store.rememberProof(proof)).toBe('used');
      expect(await store.deleteExpired(proof.expiresAtMs + hourMs + 1, 1_000)).toBe(1);
      expect(await store.rememberProof(proof)).toBe('new');
    });

    test('a caller that has the largest number of proofs in use is refused alone, until one of them expires', async () => {
      const [store, other] = [open(), open()];
      const remember = (number: number, seconds: number, changes: Partial<UsedProof> = {}) => {
        const momentMs = nowMs + seconds * 1000;
        const times = { nowMs: momentMs, expiresAtMs: momentMs + 70_000 };
        return (number % 2 === 0 ? store : other).rememberProof({
          ...proof,
          proofId: `${number}`,
          ...times,
          ...changes,
        });
      };
      for (const number of [0, 1, 2]) expect(await remember(number, number)).toBe('new');
      expect(await remember(3, 3)).toEqual({ freeAtMs: nowMs + 70_000 });
      expect(await remember(3, 69.999)).toEqual({ freeAtMs: nowMs + 70_000 });
      expect(await remember(2, 3)).toBe('used');
      expect(await remember(4, 3, { callerId: 'bob' })).toBe('new');
      expect(await remember(3, 70)).toBe('new');
      expect(await remember(5, 70)).toEqual({ freeAtMs: nowMs + 71_000 });
      expect(await remember(3, 140)).toBe('new');
    });
  });

  describe('logouts', () => {
    test('revokes the tokens of a principal for every process, and tells the change', async () => {
      const [store, other] = [open(), open()];
      expect(await store.recordLogout(logoutOf({ subject: 'alice' }))).toBe(true);
      expect(await other.listRevocations(alice)).toEqual([{ session: '', issuedUntilSeconds: 1_000 }]);
      expect(await other.listRevocations({ ...alice, subject: 'bob' })).toEqual([]);
      expect(await other.listRevocations({ ...alice, issuer: 'https://other.example.com' })).toEqual([]);
      expect(await other.readChanges(0)).toEqual({ latest: 1, changes: [ofAlice] });
    });

    test('revokes a session, and the principal of that session for tokens without a session', async () => {
      const store = open();
      await store.recordLogout(logoutOf({ subject: 'alice', session: 's-1' }));
      expect(await store.isSessionRevoked({ issuer, session: 's-1' })).toBe(true);
      expect(await store.isSessionRevoked({ issuer, session: 's-2' })).toBe(false);
      expect(await store.isSessionRevoked({ issuer: 'https://other.example.com', session: 's-1' })).toBe(false);
      expect(await store.listRevocations(alice)).toEqual([{ session: 's-1', issuedUntilSeconds: 1_000 }]);
      const ofSession = { issuer, subject: '', session: 's-1' };
      expect(await store.readChanges(0)).toEqual({ latest: 2, changes: [ofSession, ofAlice] });
    });

    test('refuses the second use of a logout token in every process, and changes nothing', async () => {
      const [store, other] = [open(), open()];
      await store.recordLogout(logoutOf({ session: 's-1' }));
      expect(await other.recordLogout(logoutOf({ session: 's-2', subject: 'alice' }))).toBe(false);
      expect(await other.isSessionRevoked({ issuer, session: 's-2' })).toBe(false);
      expect(await other.listRevocations(alice)).toEqual([]);
      expect((await other.readChanges(0)).latest).toBe(1);
      expect(await other.recordLogout(logoutOf({ issuer: 'https://other.example.com', session: 's-1' }))).toBe(true);
    });

    test('remembers a used logout token for an hour after its expiry, because the clocks of two brokers may differ', async () => {
      const store = open();
      const expiresAtMs = Date.now() + hourMs;
      const used = logoutOf({ subject: 'alice', tokenExpiresAtMs: expiresAtMs });
      await store.recordLogout(used);
      await store.deleteExpired(expiresAtMs + hourMs - 1, 1_000);
      expect(await store.recordLogout(used)).toBe(false);
      await store.deleteExpired(expiresAtMs + hourMs + 1, 1_000);
      expect(await store.recordLogout(used)).toBe(true);
    });

    test('accepts a logout token once although many processes receive it at the same time', async () => {
      const stores = [open(), open(), open(), open()];
      const results = await Promise.all(
        Array.from({ length: 20 }, (_, index) =>
          (stores[index % 4] as Store).recordLogout(logoutOf({ subject: 'alice', session: 's-1' })),
        ),
      );
      expect(results.filter(Boolean)).toHaveLength(1);
      expect((await open().readChanges(0)).latest).toBe(2);
    });

    test('a later logout extends an earlier one, and an earlier one that arrives late does not shorten it', async () => {
      const store = open();
      const [early, late] = [Date.now() + hourMs, Date.now() + 2 * hourMs];
      const logout = (tokenId: string, issuedUntilSeconds: number, keepUntilMs: number) =>
        store.recordLogout(logoutOf({ subject: 'alice', tokenId, issuedUntilSeconds, keepUntilMs }));
      await logout('a', 1_000, early);
      await logout('b', 2_000.5, late);
      await logout('c', 1_500, early);
      expect(await store.listRevocations(alice)).toEqual([{ session: '', issuedUntilSeconds: 2_001 }]);
      await store.deleteExpired(early + 1, 1_000);
      expect(await store.listRevocations(alice)).toHaveLength(1);
      await store.deleteExpired(late + 1, 1_000);
      expect(await store.listRevocations(alice)).toEqual([]);
    });

    test('concurrent logouts of overlapping sessions and subjects all succeed', async () => {
      const stores = [open(), open()];
      await Promise.all(stores.map((store) => store.check()));
      const results = await Promise.all(
        Array.from({ length: 60 }, (_, index) =>
          (stores[index % 2] as Store).recordLogout(
            logoutOf({
              tokenId: `token-${index}`,
              ...(index % 3 !== 0 && { session: `s-${index % 2}` }),
              ...(index % 3 !== 1 && { subject: index % 5 === 0 ? 'alice' : 'bob' }),
            }),
          ),
        ),
      );
      expect(new Set(results)).toEqual(new Set([true]));
    });
  });
}
