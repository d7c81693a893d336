import { array, assert, asyncProperty, constantFrom, record } from 'fast-check';
import { expect, test } from 'vitest';
import type { Decision, DecisionPage, DecisionPosition, DecisionSelection } from './audit-store.ts';
import { openMemoryDatabase } from '../../test/support/memory-database.ts';
import { listDecisions } from './list-decisions.ts';
import { createSqlStore } from './sql-store.ts';
import { createSqliteStore } from './sqlite-store.ts';
import type { Store } from './store.ts';

const issuers = ['https://id.example.com', 'https://other.example.com'];
const decisionOf = (index: number, fields: Partial<Decision> = {}): Decision => ({
  at: new Date(Date.UTC(2026, 0, 1) + Math.floor(index / 2)).toISOString(),
  requestId: `r${index}`,
  operation: 'issue',
  connection: 'vital',
  vendor: 'vital',
  issuer: 'https://id.example.com',
  subject: 'alice',
  outcome: 'allowed',
  ...fields,
});

async function listPages(store: Store, selection: DecisionSelection, limit: number): Promise<DecisionPage[]> {
  const pages: DecisionPage[] = [];
  for (let after: DecisionPosition | undefined; ;) {
    const page = await store.listDecisions({ ...selection, limit, after });
    pages.push(page);
    if (page.next === undefined) return pages;
    after = page.next;
  }
}

const idsOf = (pages: readonly DecisionPage[]) =>
  pages.flatMap(({ decisions }) => decisions.map(({ requestId }) => requestId));

test('the pages of any selection have each of its decisions once, newest first', async () => {
  const fields = record({
    issuer: constantFrom(...issuers),
    subject: constantFrom('alice', 'bob'),
    connection: constantFrom('vital', 'vital-eu'),
    outcome: constantFrom('allowed', 'forbidden'),
    operation: constantFrom('issue' as const, 'proxy' as const),
    vendorUserId: constantFrom('one', 'two'),
  });
  const selections = record(
    {
      issuer: constantFrom(...issuers),
      subject: constantFrom('alice', 'bob', 'nobody'),
      connection: constantFrom('vital', 'vital-eu', 'nabla'),
      outcome: constantFrom('allowed', 'forbidden', 'not_found'),
      operation: constantFrom('issue' as const, 'proxy' as const, 'forget' as const),
      vendorUserId: constantFrom('one', 'two', 'three'),
    },
    { requiredKeys: [] },
  );
  const isSelected = (decision: Decision, selection: DecisionSelection) =>
    Object.entries(selection).every(([field, value]) => decision[field as keyof Decision] === value);
  await assert(
    asyncProperty(array(fields, { minLength: 40, maxLength: 80 }), selections, async (rows, selection) => {
      const store = createSqliteStore(':memory:');
      const decisions = rows.map((row, index) => decisionOf(index, row));
      await store.recordDecisions(decisions);
      const pages = await listPages(store, selection, 2);
      await store.close();
      const expected = decisions.filter((decision) => isSelected(decision, selection)).toReversed();
      expect(idsOf(pages)).toEqual(expected.map(({ requestId }) => requestId));
      for (const { decisions: page } of pages.slice(0, -1)) expect(page).toHaveLength(2);
    }),
    { numRuns: 60 },
  );
});

test('a page ends before it is full if too many decisions would have to be examined, and the next one continues', async () => {
  const { sql } = openMemoryDatabase();
  const store = createSqlStore(sql);
  const nabla = { connection: 'nabla', vendor: 'nabla' };
  const others = Array.from({ length: 500 }, (_, index) =>
    decisionOf(index + 1, index % 2 === 0 ? nabla : { operation: 'proxy' }),
  );
  await store.recordDecisions([decisionOf(0, { ...nabla, operation: 'proxy' }), ...others]);
  const selection = { operation: 'proxy', connection: 'nabla' } as const;
  const list = (after?: DecisionPosition) => listDecisions(sql.query, { ...selection, limit: 10, after }, 200);
  const first = await list();
  expect(first.decisions).toEqual([]);
  const second = await list(first.next);
  expect(idsOf([second])).toEqual(['r0']);
  expect(second.next).toBeUndefined();
  await store.close();
});

test('a selection with a value that no decision has examines no decision, whatever its other values are', async () => {
  const { sql } = openMemoryDatabase();
  const store = createSqlStore(sql);
  await store.recordDecisions(Array.from({ length: 500 }, (_, index) => decisionOf(index, { outcome: 'forbidden' })));
  let rows = 0;
  const counting: typeof sql.query = async (statement, values) => {
    const found = await sql.query(statement, values);
    rows += found.length;
    return found;
  };
  for (const selection of [{ connection: 'nabla' }, { operation: 'forget' }, { vendorUserId: 'none' }] as const) {
    const page = await listDecisions(counting, { outcome: 'forbidden', ...selection, limit: 10 }, 100);
    expect(page).toEqual({ decisions: [], next: undefined });
  }
  // Each one is the end of a window of another index.
  expect(rows).toBeLessThanOrEqual(6);
  await store.close();
});
