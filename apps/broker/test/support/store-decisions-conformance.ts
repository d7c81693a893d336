import { beforeEach, describe, expect, test } from 'vitest';
import type { Decision, DecisionPage, DecisionPosition, DecisionSelection } from '../../src/storage/audit-store.ts';
import type { Store } from '../../src/storage/store.ts';

/** The principal of the tests, with a connection. */
export const alice = { connection: 'vital', vendor: 'vital', issuer: 'https://id.example.com', subject: 'alice' };
/** The decision of the tests. */
export const decision: Decision = {
  at: '2026-01-01T00:00:00.000Z',
  requestId: 'r1',
  operation: 'issue',
  ...alice,
  vendorUserId: 'one',
  outcome: 'allowed',
};

/** Defines the tests about the decisions of a store. */
export function testStoreDecisions(openStore: () => Store): void {
  let store: Store;
  beforeEach(() => {
    store = openStore();
  });

  test('deletes at most `limit` old decisions at a time, oldest first, and no newer one', async () => {
    const at = (index: number) => new Date(Date.UTC(2026, 0, 1) + index * 1_000).toISOString();
    await store.recordDecisions(
      Array.from({ length: 13 }, (_, index) => ({ ...decision, at: at(index), requestId: `r${index}` })),
    );
    // A decision with a time in the future does not stop the deletion of others.
    await store.recordDecisions([{ ...decision, at: at(20), requestId: 'ahead' }]);
    const beforeMs = Date.parse(at(11));
    const requestIds = async () => (await store.listDecisions({ limit: 20 })).decisions.map((each) => each.requestId);
    expect(await store.deleteDecisions({ beforeMs: Date.parse(at(0)), limit: 10 })).toEqual({ deleted: 0 });
    const { next: after, deleted } = await store.deleteDecisions({ beforeMs, limit: 10 });
    expect(deleted).toBe(10);
    expect(await requestIds()).toEqual(['ahead', 'r12', 'r11', 'r10']);
    expect(await store.deleteDecisions({ beforeMs, after, limit: 10 })).toEqual({ deleted: 1 });
    expect(await store.deleteDecisions({ beforeMs, limit: 10 })).toEqual({ deleted: 0 });
    expect(await requestIds()).toEqual(['ahead', 'r12', 'r11']);
  });

  test('passes old decisions of chains and deletes those of no chain behind them', async () => {
    const link = { writer: 'w', mac: 'm', salt: null, personalDigest: 'd' };
    for (const sequence of [1, 2, 3]) await store.recordDecisions([{ ...decision, link: { ...link, sequence } }]);
    await store.recordDecisions([decision]);
    const beforeMs = Date.parse(decision.at) + 1;
    const { next: after, deleted } = await store.deleteDecisions({ beforeMs, limit: 3 });
    expect(deleted).toBe(0);
    expect(await store.deleteDecisions({ beforeMs, after, limit: 3 })).toEqual({ deleted: 1 });
    expect((await store.listDecisions({ limit: 10 })).decisions).toHaveLength(3);
  });

  test('lists decisions unchanged, newest first', async () => {
    const decisions: Decision[] = [
      decision,
      { ...decision, requestId: 'r2', connection: 'vital-eu', vendorUserId: undefined, outcome: 'forbidden' },
      ...['no\0where', 'vital:vital-eu', 'nabla'].map((connection, index) => ({
        ...decision,
        requestId: `r${index + 3}`,
        connection,
        vendor: undefined,
        outcome: 'unknown_vendor',
      })),
    ];
    for (const each of decisions) await store.recordDecisions([each]);
    expect((await store.listDecisions({ limit: 10 })).decisions).toEqual(decisions.toReversed());
    expect((await store.listDecisions({ limit: 1 })).decisions).toEqual(decisions.slice(-1));
  });

  describe('selections of decisions', () => {
    const at = (minute: number) => `2026-01-01T14:${String(minute).padStart(2, '0')}:00.000Z`;
    const eu = { connection: 'vital-eu', vendor: 'vital' };
    const rows: readonly Decision[] = [
      { ...decision, at: at(0), requestId: 'r1' },
      { ...decision, at: at(2), requestId: 'r2', outcome: 'forbidden', reason: 'requiredScopes: rooms', durationMs: 0 },
      { ...decision, at: at(4), requestId: 'r3', ...eu, operation: 'proxy', method: 'GET', path: '/A({id})' },
      {
        ...decision,
        at: at(6),
        requestId: 'r4',
        ...eu,
        subject: 'bob',
        vendorUserId: 'two',
        vendorStatus: 503,
        observed: 'policy.rules.0',
        traceId: '4bf92f3577b34da6a3ce929d0e0e4736',
      },
      { ...decision, at: at(8), requestId: 'r5', issuer: 'https://other.example.com', vendorUserId: 'two' },
      {
        ...decision,
        at: at(8),
        requestId: 'r6',
        connection: 'x:vital-eu',
        vendor: undefined,
        outcome: 'unknown_vendor',
      },
    ];
    beforeEach(async () => {
      for (const row of rows) await store.recordDecisions([row]);
    });
    const idsOf = ({ decisions }: DecisionPage) => decisions.map(({ requestId }) => requestId).join(' ');

    test('returns the details of each decision unchanged', async () => {
      expect((await store.listDecisions({ limit: 10 })).decisions).toEqual(rows.toReversed());
    });

    test.each<[DecisionSelection, string]>([
      [{ issuer: alice.issuer, subject: 'alice', since: at(2), until: at(4) }, 'r2'],
      [{ since: at(4) }, 'r6 r5 r4 r3'],
      [{ until: at(4) }, 'r2 r1'],
      [{ vendorUserId: 'two' }, 'r5 r4'],
      [{ vendorUserId: 'two', since: at(7) }, 'r5'],
      [{ requestId: 'r3' }, 'r3'],
      [{ outcome: 'forbidden' }, 'r2'],
      [{ reason: 'requiredScopes: rooms' }, 'r2'],
      [{ operation: 'proxy' }, 'r3'],
      [{ connection: 'vital' }, 'r5 r2 r1'],
      [{ connection: 'vital-eu' }, 'r4 r3'],
      [{ connection: 'x:vital-eu' }, 'r6'],
      [{ connection: 'vital:vital-eu' }, ''],
      [{ connection: '-eu' }, ''],
      [{ connection: '%' }, ''],
      [{ subject: 'Alice' }, ''],
      [{ subject: "' OR 1 = 1 --" }, ''],
    ])('lists exactly the decisions that %j selects, newest first', async (selection, expected) => {
      expect(idsOf(await store.listDecisions({ ...selection, limit: 10 }))).toBe(expected);
    });

    test('reads every decision once, page by page, also while newer ones are recorded', async () => {
      const pages: string[] = [];
      for (let after: DecisionPosition | undefined; ;) {
        const page = await store.listDecisions({ limit: 2, after });
        pages.push(idsOf(page));
        await store.recordDecisions([{ ...decision, at: at(9), requestId: 'later' }]);
        if (page.next === undefined) break;
        after = page.next;
      }
      expect(pages).toEqual(['r6 r5', 'r4 r3', 'r2 r1']);
    });
  });
}
