import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, expect, onTestFinished, test } from 'vitest';
import { createPostgresStore } from '../../src/storage/postgres-store.ts';
import { createSqliteStore } from '../../src/storage/sqlite-store.ts';
import type { Store } from '../../src/storage/store.ts';
import { createPostgresSchema, isPostgresAvailable } from '../support/postgres-server.ts';

const maxMs = 300;

/**
 * Returns the statement that writes a million decisions of 20,000 principals and as many vendor users over 30 days. `number`
 * is the expression for the number of a row, and `moment` the one for its time.
 */
const fillTable = (table: string, number: string, moment: string, source: string) => `INSERT INTO ${table}
  (at, request_id, operation, vendor, issuer, subject, vendor_user_id, outcome, reason, duration_ms)
  SELECT ${moment}, 'r-' || ${number}, 'issue', 'vital', 'https://id.example.com',
    CASE WHEN ${number} % 20000 = 7 THEN 'alice' ELSE 'user-' || (${number} % 20000) END, 'u-' || (${number} % 20000),
    CASE WHEN ${number} % 3 = 0 THEN 'forbidden' ELSE 'allowed' END,
    CASE WHEN ${number} % 3 = 0 THEN 'requiredScopes: rooms' END, 12
  FROM ${source}`;

/** Asks the questions of an operator. Returns the number of decisions in each answer, and how long the slowest one took. */
async function ask(database: string, store: Store): Promise<{ counts: readonly number[]; slowestMs: number }> {
  const principal = { issuer: 'https://id.example.com', subject: 'alice' };
  const { decisions } = await store.listDecisions({ ...principal, outcome: 'forbidden', limit: 1 });
  const at = Date.parse(decisions[0]?.at ?? '');
  const window = { since: new Date(at - 60_000).toISOString(), until: new Date(at + 60_000).toISOString() };
  const questions = {
    'why was alice refused at this moment': { ...principal, ...window, limit: 100 },
    'who got a token for this vendor user last week': {
      vendorUserId: 'u-7',
      outcome: 'allowed',
      since: '2026-01-24T00:00:00.000Z',
      until: '2026-01-31T00:00:00.000Z',
      limit: 1000,
    },
    'what happened to this request': { requestId: 'r-500000', limit: 100 },
  };
  const counts: number[] = [];
  let slowestMs = 0;
  for (const [question, query] of Object.entries(questions)) {
    const startedAt = performance.now();
    const page = await store.listDecisions(query);
    const tookMs = performance.now() - startedAt;
    counts.push(page.decisions.length);
    process.stdout.write(`${database}: ${question}: ${page.decisions.length} decisions in ${tookMs.toFixed(1)} ms\n`);
    slowestMs = Math.max(slowestMs, tookMs);
  }
  return { counts, slowestMs };
}

function expectQuickAnswers({ counts, slowestMs }: Awaited<ReturnType<typeof ask>>): void {
  expect(counts).toEqual([1, 7, 1]);
  expect(slowestMs).toBeLessThan(maxMs);
}

test(`SQLite answers each question about a million decisions within ${maxMs} ms`, async () => {
  const folder = await mkdtemp(join(tmpdir(), 'valetkey-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  const path = join(folder, 'valetkey.sqlite');
  const store = createSqliteStore(path);
  const filling = new DatabaseSync(path);
  const moment = `strftime('%Y-%m-%dT%H:%M:%fZ', '2026-01-01', '+' || (n * 2.592) || ' seconds')`;
  filling.exec(
    `WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 1000000)
     ${fillTable('decision', 'n', moment, 'numbers')}`,
  );
  filling.close();
  expectQuickAnswers(await ask('SQLite', store));
  await store.close();
});

describe.skipIf(!(await isPostgresAvailable()))('PostgreSQL with a million decisions', () => {
  test(`PostgreSQL answers each question about a million decisions within ${maxMs} ms`, async () => {
    await using schema = await createPostgresSchema();
    const { name, url, execute } = schema;
    const store = createPostgresStore({ url });
    await store.check();
    const moment = `to_char(timestamp '2026-01-01' + n * interval '2.592 seconds', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`;
    await execute(fillTable(`${name}.decision`, 'n', moment, 'generate_series(1, 1000000) AS n'));
    expectQuickAnswers(await ask('PostgreSQL', store));
    await execute(`ANALYZE ${name}.decision`);
    expectQuickAnswers(await ask('PostgreSQL with statistics', store));
    await store.close();
  });
});
