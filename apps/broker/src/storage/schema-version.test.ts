import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { Secret } from '@valetkey/core-types';
import { describe, expect, onTestFinished, test } from 'vitest';
import { createPostgresSchema, isPostgresAvailable } from '../../test/support/postgres-server.ts';
import { migrateStore, planStoreMigration } from './migrate-store.ts';
import { openStore } from './open-store.ts';
import { schemaChanges, schemaVersion } from './schema-changes.ts';
import { sqlSchema } from './sql-schema.ts';

const later = `INSERT INTO schema_version (version) VALUES (${schemaVersion + 1})`;

/** What the first version created, apart from its indexes. */
const createFirstVersion = (rowNumber: string) => `
  CREATE TABLE vendor_user (vendor TEXT, issuer TEXT, subject TEXT, vendor_user_id TEXT,
    PRIMARY KEY (issuer, subject, vendor));
  CREATE TABLE created_vendor_user (vendor TEXT, issuer TEXT, subject TEXT, vendor_user_id TEXT,
    PRIMARY KEY (issuer, subject, vendor, vendor_user_id));
  CREATE TABLE vendor_user_reservation (vendor TEXT, issuer TEXT, subject TEXT, owner TEXT, expires_at TEXT,
    PRIMARY KEY (issuer, subject, vendor));
  CREATE TABLE blocked_user (issuer TEXT, subject TEXT, PRIMARY KEY (issuer, subject));
  CREATE TABLE decision (id ${rowNumber}, at TEXT, request_id TEXT, operation TEXT, vendor TEXT, issuer TEXT, subject TEXT,
    vendor_user_id TEXT, outcome TEXT)`;

const nothing = { current: schemaVersion, target: schemaVersion, missing: [] };
const everything = {
  current: 0,
  target: schemaVersion,
  missing: expect.arrayContaining(['table decision', 'table schema_version', 'index decision_at']) as string[],
};
const laterParts = {
  current: 1,
  target: schemaVersion,
  missing: expect.arrayContaining(['table revocation', 'column decision.reason', 'index decision_request']) as string[],
};

async function createPath(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'valetkey-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  return join(folder, 'valetkey.sqlite');
}

test('each change of the schema only adds: a column of an earlier table may be null, and no name is used twice', () => {
  const columns = schemaChanges.flatMap(({ columns: added = {} }) => Object.values(added).flatMap(Object.values));
  for (const type of columns) expect(type).toMatch(/^[A-Z]+$/);
  const names = schemaChanges.flatMap(({ tables = {}, indexes = {} }) => Object.keys({ ...tables, ...indexes }));
  expect(new Set(names).size).toBe(names.length);
  expect(sqlSchema('INTEGER')).not.toMatch(/DROP|RENAME|ALTER/);
});

describe('a SQLite file', () => {
  test('a plan lists what a missing file lacks, and creates no file', async () => {
    const sqlite = await createPath();
    expect(await planStoreMigration({ sqlite })).toEqual(everything);
    await expect(readFile(sqlite)).rejects.toMatchObject({ code: 'ENOENT' });
  });

  test('a plan lists what the file of an earlier version lacks, and a migration returns the same and creates it', async () => {
    const sqlite = await createPath();
    const earlier = new DatabaseSync(sqlite);
    earlier.exec(createFirstVersion('INTEGER PRIMARY KEY'));
    earlier.close();
    const before = await readFile(sqlite);
    const plan = await planStoreMigration({ sqlite });
    expect(plan).toEqual(laterParts);
    expect(plan.missing).not.toContain('table decision');
    expect(plan.missing).not.toContain('column decision.id');
    expect(before.equals(await readFile(sqlite))).toBe(true);
    expect(await migrateStore({ sqlite })).toEqual(plan);
    expect(await planStoreMigration({ sqlite })).toEqual(nothing);
    expect(await migrateStore({ sqlite })).toEqual(nothing);
  });

  test('opening the file stores the version, also if only the version is missing', async () => {
    const sqlite = await createPath();
    await openStore({ sqlite }).close();
    const database = new DatabaseSync(sqlite);
    database.exec('DELETE FROM schema_version');
    await openStore({ sqlite }).close();
    expect(database.prepare('SELECT MAX(version) AS version FROM schema_version').get()).toEqual({
      version: schemaVersion,
    });
    database.close();
  });

  test('a file of a later version is used, with a warning, and keeps its version', async () => {
    const sqlite = await createPath();
    await openStore({ sqlite }).close();
    const database = new DatabaseSync(sqlite);
    database.exec(later);
    database.close();
    const warnings: string[] = [];
    const store = openStore({ sqlite }, (warning) => warnings.push(warning));
    await store.check();
    await store.close();
    expect(warnings).toEqual([expect.stringContaining(`schema version ${schemaVersion + 1}, which is newer`)]);
    expect(await migrateStore({ sqlite })).toEqual({ ...nothing, current: schemaVersion + 1 });
  });
});

describe.skipIf(!(await isPostgresAvailable()))('a PostgreSQL database', () => {
  async function createDatabase() {
    const schema = await createPostgresSchema();
    onTestFinished(() => schema.drop());
    const execute = (statements: string) => schema.execute(`SET search_path = ${schema.name}; ${statements}`);
    return { store: { postgres: new Secret(schema.url) }, execute };
  }

  test('a plan lists what an empty database lacks, and creates nothing', async () => {
    const { store } = await createDatabase();
    expect(await planStoreMigration(store)).toEqual(everything);
    expect(await planStoreMigration(store)).toEqual(everything);
    expect(await migrateStore(store)).toEqual(everything);
    expect(await planStoreMigration(store)).toEqual(nothing);
  });

  test('a plan lists what the database of an earlier version lacks, and indexes are left to the migration', async () => {
    const { store, execute } = await createDatabase();
    await execute(createFirstVersion('BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY'));
    const plan = await planStoreMigration(store);
    expect(plan).toEqual(laterParts);
    expect(plan.missing).not.toContain('table decision');
    const opened = openStore(store);
    await opened.check();
    await opened.close();
    const indexes = plan.missing.filter((part) => part.startsWith('index '));
    expect(await planStoreMigration(store)).toEqual({ ...nothing, missing: indexes });
    expect(await migrateStore(store)).toEqual({ ...nothing, missing: indexes });
    expect(await migrateStore(store)).toEqual(nothing);
  });

  test('a database of a later version is used, with one warning, and keeps its version', async () => {
    const { store, execute } = await createDatabase();
    await migrateStore(store);
    await execute(later);
    const warnings: string[] = [];
    const opened = openStore(store, (warning) => warnings.push(warning));
    await Promise.all([opened.check(), opened.check()]);
    await opened.close();
    expect(warnings).toEqual([expect.stringContaining(`schema version ${schemaVersion + 1}, which is newer`)]);
    expect(await migrateStore(store)).toEqual({ ...nothing, current: schemaVersion + 1 });
  });
});
