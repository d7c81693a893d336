import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { backup, DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createSqliteStore } from './sqlite-store.ts';
import { testStore } from '../../test/support/store-conformance.ts';

const alice = { connection: 'vital', vendor: 'vital', issuer: 'https://id.example.com', subject: 'alice' };

const createFolder = () => mkdtemp(join(tmpdir(), 'valetkey-'));

describe('SQLite store conformance', () => {
  testStore(async () => {
    const folder = await createFolder();
    return {
      open: () => createSqliteStore(join(folder, 'new', 'valetkey.sqlite')),
      drop: () => rm(folder, { recursive: true }),
    };
  });
});

describe('SQLite file', () => {
  let folder: string;
  let path: string;
  beforeEach(async () => {
    folder = await createFolder();
    path = join(folder, 'valetkey.sqlite');
  });
  afterEach(() => rm(folder, { recursive: true }));

  test('the SQLite file and the files that SQLite creates beside it are readable only by their owner', async () => {
    await writeFile(path, '', { mode: 0o666 });
    const store = createSqliteStore(path);
    await store.addVendorUser(alice, 'one');
    for (const file of [path, `${path}-wal`, `${path}-shm`]) expect((await stat(file)).mode & 0o777).toBe(0o600);
    await store.close();
  });

  test('the SQLite store adds the columns that a file of an earlier version lacks, and keeps its rows', async () => {
    const earlier = new DatabaseSync(path);
    earlier.exec(`
      CREATE TABLE blocked_user (issuer TEXT NOT NULL, subject TEXT NOT NULL, PRIMARY KEY (issuer, subject));
      CREATE TABLE decision (id INTEGER PRIMARY KEY, at TEXT NOT NULL, request_id TEXT NOT NULL, operation TEXT NOT NULL,
        vendor TEXT NOT NULL, issuer TEXT NOT NULL, subject TEXT NOT NULL, vendor_user_id TEXT, outcome TEXT NOT NULL);
      INSERT INTO blocked_user VALUES ('${alice.issuer}', 'alice');
    `);
    const stores = Array.from({ length: 4 }, () => createSqliteStore(path));
    earlier.exec(`INSERT INTO blocked_user (issuer, subject) VALUES ('${alice.issuer}', 'bob')`);
    earlier.close();
    for (const store of stores) {
      expect((await store.listBlocks({ limit: 10 })).map(({ subject }) => subject)).toEqual(['alice', 'bob']);
      await store.blockUser(alice, { reason: 'left' });
      await store.close();
    }
  });

  test('the SQLite store waits for a locked file without blocking the event loop, and writes once the lock is released', async () => {
    const store = createSqliteStore(path, { timeoutMs: 60_000 });
    const other = new DatabaseSync(path);
    other.exec('BEGIN IMMEDIATE');
    const added = store.addVendorUser(alice, 'one');
    await new Promise((resolve) => setImmediate(resolve));
    other.exec('COMMIT');
    expect(await added).toBe('one');
    other.close();
    await store.close();
  });

  test('the SQLite store rejects a write with `overloaded` while the file stays locked, and still reads', async () => {
    const store = createSqliteStore(path, { timeoutMs: 0 });
    const other = new DatabaseSync(path);
    other.exec('BEGIN IMMEDIATE');
    await expect(store.addVendorUser(alice, 'one')).rejects.toMatchObject({ code: 'overloaded', reason: 'sqlite_5' });
    await expect(store.check()).rejects.toMatchObject({ code: 'overloaded' });
    expect(await store.findVendorUser(alice)).toBeUndefined();
    other.close();
    await store.check();
    await store.close();
  });

  test('a vendor user and its mark change together or not at all when SQLite fails between them', async () => {
    const store = createSqliteStore(path);
    await store.addVendorUser(alice, 'one');
    const other = new DatabaseSync(path);
    other.exec("CREATE TRIGGER stop BEFORE UPDATE ON vendor_user BEGIN SELECT RAISE(ABORT, 'stop'); END");
    await expect(store.setVendorUser(alice, 'one')).rejects.toMatchObject({ code: 'overloaded' });
    other.exec('DROP TRIGGER stop');
    other.close();
    expect(await store.forgetVendorUser(alice, 'one')).toBe(true);
    await store.close();
  });

  test('the SQLite store opens a file of an earlier version and returns its vendor users', async () => {
    const earlier = new DatabaseSync(path);
    earlier.exec(`
      CREATE TABLE vendor_user (vendor TEXT NOT NULL, issuer TEXT NOT NULL, subject TEXT NOT NULL,
        vendor_user_id TEXT NOT NULL, PRIMARY KEY (vendor, issuer, subject)) STRICT, WITHOUT ROWID;
      INSERT INTO vendor_user VALUES ('vital', 'https://id.example.com', 'alice', 'one');
    `);
    earlier.close();
    const store = createSqliteStore(path);
    expect(await store.addVendorUser(alice, 'two')).toBe('one');
    await store.close();
  });

  test('the SQLite store opens a backup that was made during use and returns its vendor users', async () => {
    const store = createSqliteStore(path);
    await store.addVendorUser(alice, 'one');
    const source = new DatabaseSync(path);
    await backup(source, join(folder, 'copy.sqlite'));
    source.close();
    const restored = createSqliteStore(join(folder, 'copy.sqlite'));
    expect(await restored.addVendorUser(alice, 'two')).toBe('one');
    await Promise.all([store.close(), restored.close()]);
  });

  test.each(['new', 'existing'])(
    'the SQLite store refuses writes after the write-ahead log of a %s file was removed, because it would lose them',
    async (age) => {
      if (age === 'existing') await createSqliteStore(path).close();
      const store = createSqliteStore(path);
      const other = createSqliteStore(path);
      await other.addVendorUser(alice, 'one');
      await other.close();
      expect(await store.addVendorUser(alice, 'two')).toBe('one');
      await rm(`${path}-wal`);
      await expect(store.blockUser(alice)).rejects.toMatchObject({ code: 'overloaded', reason: 'FILE_REPLACED' });
      await expect(store.check()).rejects.toMatchObject({ reason: 'FILE_REPLACED' });
      await store.close();
    },
  );

  test('the SQLite store throws for a file that is not a database', async () => {
    await writeFile(path, 'something else'.repeat(100));
    expect(() => createSqliteStore(path)).toThrow(Error);
  });
});
