import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { systemClock } from '@valetkey/core-types';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createStoreHealth } from '../storage/store-health.ts';
import { createSqliteStore } from '../storage/sqlite-store.ts';
import type { Store } from '../storage/store.ts';
import { createLogger } from '../telemetry/logger.ts';
import { createAuditKey } from './audit-key.ts';
import { createAudit } from './audit.ts';
import { verifyAudit } from './verify-audit.ts';

const traceId = () => '4bf92f3577b34da6a3ce929d0e0e4736';
const key = createAuditKey('the key of the tests, which is in no database');
let folder: string;
let store: Store;
/** Changes the database behind the broker's back. */
let intruder: DatabaseSync;

/** Records three decisions of each of two processes. */
async function recordDecisions(options: { readonly traceId?: () => string } = { traceId }): Promise<void> {
  for (const subject of ['alice', 'bob']) {
    const storeHealth = createStoreHealth(store, systemClock);
    const logger = createLogger('silent');
    const audit = createAudit({ store, storeHealth, clock: systemClock, logger, key, ...options });
    for (let count = 0; count < 3; count += 1) {
      await audit.record({
        requestId: `r-${count}`,
        operation: 'proxy',
        connection: 'nymbl',
        vendor: 'nymbl',
        issuer: 'https://id.example.com',
        subject,
        vendorUserId: 'u-1',
        outcome: 'allowed',
        reason: 'a reason',
        method: 'GET',
        path: '/Patients',
        vendorStatus: 200,
        durationMs: 3,
        actor: 'deploy',
        clientAddress: '192.0.2.7',
        policyVersion: 'v1',
        tokenFingerprint: 'f1',
      });
    }
  }
}

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'valetkey-'));
  const path = join(folder, 'valetkey.sqlite');
  store = createSqliteStore(path);
  intruder = new DatabaseSync(path);
  await recordDecisions();
});

afterEach(async () => {
  intruder.close();
  await store.close();
  await rm(folder, { recursive: true });
});

const findProblems = async () => (await verifyAudit({ store, keys: [key], nowMs: 0 })).problems;

test('an untouched audit has no problem, and the key is needed to verify it', async () => {
  expect(await findProblems()).toEqual([]);
  const { problems } = await verifyAudit({ store, keys: [createAuditKey('another key of the same length')], nowMs: 0 });
  expect(problems).toHaveLength(2);
});

test('a chain stays valid when its table receives the column of traces, and so does one whose decisions have traces', async () => {
  await store.close();
  intruder.exec(`DELETE FROM decision; DELETE FROM audit_writer`);
  store = createSqliteStore(join(folder, 'valetkey.sqlite'));
  await recordDecisions({});
  await store.close();
  intruder.exec('ALTER TABLE decision DROP COLUMN trace_id; DELETE FROM schema_version WHERE version >= 7');
  store = createSqliteStore(join(folder, 'valetkey.sqlite'));
  await recordDecisions();
  const { decisions } = await store.listDecisions({ limit: 100 });
  const traces = decisions.map((decision) => decision.traceId);
  expect(traces.filter((trace) => trace === traceId())).toHaveLength(6);
  expect(traces.filter((trace) => trace === undefined)).toHaveLength(6);
  expect(await findProblems()).toEqual([]);
});

/** Changes one value of the second row of a table. Returns undefined if the database refuses the value, or has it already. */
function spoil(table: string, name: string, value: string): { readonly restore: () => void } | undefined {
  const row = `${table === 'decision' ? 'id' : 'number'} = 2`;
  const read = () => intruder.prepare(`SELECT ${name} AS value FROM ${table} WHERE ${row}`).get()?.['value'];
  const before = read() ?? null;
  const restore = () => intruder.prepare(`UPDATE ${table} SET ${name} = $1 WHERE ${row}`).run({ $1: before });
  try {
    intruder.exec(`UPDATE ${table} SET ${name} = ${value} WHERE ${row}`);
  } catch {
    return undefined;
  }
  return read() === before ? undefined : { restore };
}

test.each(['decision', 'audit_writer'])(
  'finds each value of the table %s that was changed, erased or added',
  async (table) => {
    const columns = intruder
      .prepare(`PRAGMA table_info(${table})`)
      .all()
      .map(({ name }) => String(name));
    const unnoticed: string[] = [];
    let changes = 0;
    // The numbers of rows, and the number of a writer, are changed by the tests about inserted and removed rows.
    for (const name of columns.filter((column) => column !== 'id' && column !== 'number')) {
      for (const value of ["'seven'", '7', 'NULL']) {
        const spoiled = spoil(table, name, value);
        if (spoiled === undefined) continue;
        changes += 1;
        if ((await findProblems()).length === 0) unnoticed.push(`${name} = ${value}`);
        spoiled.restore();
      }
    }
    expect(unnoticed).toEqual([]);
    expect(changes).toBeGreaterThan(columns.length);
    expect(await findProblems()).toEqual([]);
  },
);

test.each([
  ['the first decision of a writer', 'DELETE FROM decision WHERE id = 1', 'missing before it'],
  ['a decision in the middle', 'DELETE FROM decision WHERE id = 2', 'missing before it'],
  ['a writer', 'DELETE FROM audit_writer WHERE number = 1', 'The writers 1 to 1 are missing'],
  [
    'two decisions that changed places',
    'UPDATE decision SET sequence = 4 - sequence WHERE id <> 2 AND id < 4',
    'was changed',
  ],
  [
    'two subjects that changed places',
    `UPDATE decision SET (subject, salt, personal_digest) =
      (SELECT subject, salt, personal_digest FROM decision AS other WHERE other.id = 7 - decision.id)`,
    'was changed',
  ],
])('finds %s', async (_, statement, problem) => {
  intruder.exec(statement);
  expect(await findProblems()).toContainEqual(expect.stringContaining(problem));
});
