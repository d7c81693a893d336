import { DatabaseSync } from 'node:sqlite';
import { Client } from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createPostgresSchema, isPostgresAvailable } from '../../test/support/postgres-server.ts';
import { createPostgresStore } from './postgres-store.ts';
import { listAccesses, selectDecisions, selectEnd } from './select-decisions.ts';
import { createIndexes, sqlSchema } from './sql-schema.ts';
import type { DecisionSelection } from './audit-store.ts';

const since = '2026-01-01T14:00:00.000Z';
const until = '2026-01-01T14:05:00.000Z';
const after = { at: '2026-01-01T14:04:00.000Z', id: 7 };

/** Each field that a question may name, with the index that has to answer it alone. */
const single = {
  issuer: 'decision_issuer',
  connection: 'decision_connection',
  vendorUserId: 'decision_vendor_user',
  outcome: 'decision_refusal',
  reason: 'decision_reason',
  requestId: 'decision_request',
  operation: 'decision_operation',
} as const satisfies Partial<Record<keyof DecisionSelection, string>>;
const principal = { issuer: 'https://id.example.com', subject: 'alice' };

const questions: readonly (readonly [DecisionSelection, string])[] = [
  [{}, 'decision_at'],
  [{ outcome: 'allowed' }, 'decision_at'],
  ...Object.entries(single).map(([field, index]) => [{ [field]: 'x' }, index] as const),
  [principal, 'decision_principal'],
  [{ ...principal, outcome: 'forbidden' }, 'decision_principal'],
  [{ vendorUserId: 'u-1', outcome: 'allowed' }, 'decision_vendor_user'],
  [{ connection: 'vital', outcome: 'forbidden' }, 'decision_refusal'],
  [{ connection: 'vital', operation: 'issue', outcome: 'allowed' }, 'decision_connection'],
];
const cases = questions.flatMap(([selection, index]) =>
  [{}, { since }, { since, until }].flatMap((times) =>
    [undefined, after].map((place) => ({ selection: { ...selection, ...times }, index, after: place })),
  ),
);

/** Returns the statements that answer a question, for each index that may answer it. The first index is the preferred one. */
function listStatements({ selection, after: place }: (typeof cases)[number]) {
  return listAccesses(selection).flatMap((access) => {
    const window = { selection, access, after: place };
    return [selectDecisions(window, 100, 400), selectEnd(window, 400)];
  });
}

const describeCase = ({ selection, after: place }: (typeof cases)[number]) =>
  `${Object.keys(selection).join(', ') || 'everything'}${place === undefined ? '' : ', a later page'}`;

describe('the plans of SQLite', () => {
  const database = new DatabaseSync(':memory:');
  database.exec(sqlSchema('INTEGER PRIMARY KEY'));
  for (const create of createIndexes) database.exec(create);
  afterAll(() => database.close());

  const planOf = ({ statement, values }: ReturnType<typeof selectEnd>): string =>
    database
      .prepare(`EXPLAIN QUERY PLAN ${statement}`)
      .all(Object.fromEntries(values.map((value, position) => [`$${position + 1}`, value])))
      .map(({ detail }) => String(detail))
      .join('\n');

  test.each(cases)('SQLite reads decisions in the order of an index: $selection', (one) => {
    const plans = listStatements(one).map(planOf);
    expect(plans[0]).toMatch(new RegExp(`decision USING INDEX ${one.index}\\b`));
    // A request has few decisions. Those of anything else are never sorted.
    const sorted = plans.filter((plan) => plan.includes('TEMP B-TREE'));
    expect(sorted.filter((plan) => !plan.includes('decision_request'))).toEqual([]);
    // Only the index of the times may be read from its end.
    const scans = plans.filter((plan) => plan.includes('SCAN decision'));
    expect(scans.filter((plan) => !/INDEX decision_at\b/.test(plan))).toEqual([]);
    for (const plan of plans) {
      expect(plan, describeCase(one)).toMatch(/(SEARCH|SCAN) decision USING (COVERING )?INDEX/);
    }
  });
});

describe.skipIf(!(await isPostgresAvailable()))('the plans of PostgreSQL', () => {
  let schema: Awaited<ReturnType<typeof createPostgresSchema>>;
  let client: Client;
  beforeAll(async () => {
    schema = await createPostgresSchema();
    const store = createPostgresStore({ url: schema.url, maxConnections: 1 });
    await store.check();
    await store.close();
    client = new Client({ connectionString: schema.url });
    await client.connect();
    // A table without rows is read fastest as a whole, so the server would ignore every index.
    await client.query('SET enable_seqscan = off; SET enable_bitmapscan = off');
  });
  afterAll(async () => {
    await client.end();
    await schema.drop();
  });

  test.each(cases)('PostgreSQL reads decisions in the order of an index: $selection', async (one) => {
    const plans: string[] = [];
    for (const { statement, values } of listStatements(one)) {
      const { rows } = await client.query<{ 'QUERY PLAN': string }>(`EXPLAIN ${statement}`, [...values]);
      plans.push(rows.map((row) => row['QUERY PLAN']).join('\n'));
    }
    expect(plans[0]).toMatch(new RegExp(`Index Scan.* using ${one.index} on decision`));
    // The server sorts decisions of equal times, because the index of the times has no ids.
    const sorted = plans.filter((plan) => plan.includes('Sort'));
    expect(sorted.filter((plan) => !/decision_(request|at)\b/.test(plan))).toEqual([]);
    for (const plan of plans) {
      expect(plan, describeCase(one)).toMatch(/Index (Only )?Scan.* using decision_\w+ on decision/);
    }
  });
});
