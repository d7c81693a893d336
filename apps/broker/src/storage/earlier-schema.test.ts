import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, expect, onTestFinished, test } from 'vitest';
import { createPostgresSchema, isPostgresAvailable } from '../../test/support/postgres-server.ts';
import { createPostgresStore, migratePostgresStore } from './postgres-store.ts';
import { createSqliteStore } from './sqlite-store.ts';
import type { Decision } from './audit-store.ts';
import type { Store } from './store.ts';

/** The table of decisions that the first version creates, and how that version writes a row. */
const createEarlierTable = (rowNumber: string) => `CREATE TABLE decision (
  id ${rowNumber}, at TEXT NOT NULL, request_id TEXT NOT NULL, operation TEXT NOT NULL, vendor TEXT NOT NULL,
  issuer TEXT NOT NULL, subject TEXT NOT NULL, vendor_user_id TEXT, outcome TEXT NOT NULL)`;
const writeEarlierRow = (table = 'decision') => `INSERT INTO ${table}
  (at, request_id, operation, vendor, issuer, subject, vendor_user_id, outcome)
  VALUES ('2026-01-01T00:00:00.000Z', 'earlier', 'issue', 'vital', 'https://id.example.com', 'alice', 'u-1', 'forbidden')`;

const decision: Decision = {
  at: '2026-01-02T00:00:00.000Z',
  requestId: 'later',
  operation: 'proxy',
  connection: 'vital',
  vendor: 'vital',
  issuer: 'https://id.example.com',
  subject: 'alice',
  outcome: 'vendor_unavailable',
  reason: 'status_503',
  method: 'GET',
  path: '/Patients({id})',
  vendorStatus: 503,
  durationMs: 12,
  observed: 'policy.rules.0, policy.rules.2',
};

/** Checks that a store completes the table of an earlier version, keeps its rows, and lets that version write more of them. */
async function checkCompletion(stores: readonly Store[], writeAsEarlierVersion: () => unknown): Promise<void> {
  await Promise.all(stores.map((store) => store.check()));
  const [store] = stores;
  await store?.recordDecisions([decision]);
  await writeAsEarlierVersion();
  const page = await store?.listDecisions({ limit: 10 });
  expect(page?.decisions.map(({ requestId }) => requestId)).toEqual(['later', 'earlier', 'earlier']);
  expect(page?.decisions[0]).toEqual(decision);
  expect(page?.decisions[1]).toMatchObject({ outcome: 'forbidden', reason: undefined, durationMs: undefined });
}

test('the SQLite store adds the missing columns and indexes to the file of an earlier version, whose broker still works', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'valetkey-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  const path = join(folder, 'valetkey.sqlite');
  const earlier = new DatabaseSync(path);
  earlier.exec(createEarlierTable('INTEGER PRIMARY KEY'));
  earlier.exec(writeEarlierRow());
  const stores = [createSqliteStore(path), createSqliteStore(path)];
  await checkCompletion(stores, () => earlier.exec(writeEarlierRow()));
  const indexes = earlier
    .prepare(`SELECT name FROM sqlite_master WHERE type = 'index' AND name LIKE 'decision_%'`)
    .all();
  expect(indexes).toHaveLength(10);
  earlier.close();
  for (const store of stores) await store.close();
});

describe.skipIf(!(await isPostgresAvailable()))('a PostgreSQL database of an earlier version', () => {
  test('the PostgreSQL store adds missing columns at its first call, and `migratePostgresStore` adds missing indexes', async () => {
    await using schema = await createPostgresSchema();
    const { name, url, execute } = schema;
    await execute(
      `SET search_path = ${name}; ${createEarlierTable('BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY')}`,
    );
    await execute(writeEarlierRow(`${name}.decision`));
    const stores = [createPostgresStore({ url, maxConnections: 2 }), createPostgresStore({ url, maxConnections: 2 })];
    await checkCompletion(stores, () => execute(writeEarlierRow(`${name}.decision`)));
    const readIndexes = async () =>
      (await execute(`SELECT 1 FROM pg_indexes WHERE schemaname = '${name}' AND indexname LIKE 'decision\\_%'`)).length;
    const ofPrimaryKey = 1;
    expect(await readIndexes(), 'an index of many rows would block the writers').toBe(ofPrimaryKey);
    await migratePostgresStore({ url });
    await migratePostgresStore({ url });
    expect(await readIndexes()).toBe(ofPrimaryKey + 10);
    for (const store of stores) await store.close();
  });
});
