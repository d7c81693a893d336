import { DatabaseSync } from 'node:sqlite';
import { Client } from 'pg';
import { describe, expect, onTestFinished, test } from 'vitest';
import { createPostgresSchema, isPostgresAvailable } from '../../test/support/postgres-server.ts';
import { createPostgresStore } from './postgres-store.ts';
import { selectDecisions } from './select-decisions.ts';
import { createIndexes, sqlSchema } from './sql-schema.ts';
import type { DecisionQuery } from './audit-store.ts';

const principal = { issuer: 'https://id.example.com', subject: 'alice' };
const since = '2026-01-01T14:00:00.000Z';
const until = '2026-01-01T14:05:00.000Z';
const after = { at: '2026-01-01T14:04:00.000Z', id: 7 };

/** Each question with the index that has to answer it. */
const questions: readonly [string, Omit<DecisionQuery, 'limit'>, string][] = [
  ['why a principal was refused at a moment', { ...principal, since, until }, 'decision_principal'],
  ['what a principal did, page by page', { ...principal, after }, 'decision_principal'],
  ['who used a vendor user since a moment', { vendorUserId: 'u-1', since }, 'decision_vendor_user'],
  ['who used a vendor user, page by page', { vendorUserId: 'u-1', since, after }, 'decision_vendor_user'],
  ['what happened to a request', { requestId: 'r-1' }, 'decision_request'],
  ['what happened in five minutes', { since, until }, 'decision_at'],
];

test.each(questions)('SQLite reads from an index %s', (_question, query, index) => {
  const database = new DatabaseSync(':memory:');
  database.exec(sqlSchema('INTEGER PRIMARY KEY'));
  for (const create of createIndexes) database.exec(create);
  const { statement, values } = selectDecisions({ ...query, limit: 100 });
  const parameters = Object.fromEntries(values.map((value, position) => [`$${position + 1}`, value]));
  const plan = database
    .prepare(`EXPLAIN QUERY PLAN ${statement}`)
    .all(parameters)
    .map(({ detail }) => String(detail));
  expect(plan[0]).toMatch(new RegExp(`^SEARCH decision USING INDEX ${index} `));
  database.close();
});

describe.skipIf(!(await isPostgresAvailable()))('the plans of PostgreSQL', () => {
  test.each(questions)('PostgreSQL reads from an index %s', async (_question, query, index) => {
    const { url, drop } = await createPostgresSchema();
    onTestFinished(drop);
    const store = createPostgresStore({ url, maxConnections: 1 });
    await store.check();
    await store.close();
    const client = new Client({ connectionString: url });
    await client.connect();
    // A table without rows is read fastest as a whole, so the server would ignore every index.
    await client.query('SET enable_seqscan = off; SET enable_bitmapscan = off');
    const { statement, values } = selectDecisions({ ...query, limit: 100 });
    const { rows } = await client.query<{ 'QUERY PLAN': string }>(`EXPLAIN ${statement}`, [...values]);
    await client.end();
    expect(rows.map((row) => row['QUERY PLAN']).join('\n')).toMatch(
      new RegExp(`Index Scan.* using ${index} on decision`),
    );
  });
});
