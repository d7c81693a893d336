import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setImmediate } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createCheckpoints, createFlush } from './sqlite-log.ts';
import { createSqliteStore } from './sqlite-store.ts';

let folder: string;
let path: string;
let database: DatabaseSync;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'valetkey-'));
  path = join(folder, 'valetkey.sqlite');
  // The thread holds the lock for a moment, for which these tests wait.
  database = new DatabaseSync(path, { timeout: 60_000 });
  database.exec('PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 0; CREATE TABLE one (value TEXT)');
});
afterEach(() => {
  if (database.isOpen) database.close();
  rmSync(folder, { recursive: true });
});

const insertPage = () => database.exec(`INSERT INTO one VALUES ('${'a'.repeat(4_096)}')`);
/** The salt, which changes when the log begins anew. */
const readSalt = () => readFileSync(`${path}-wal`).toString('hex', 16, 24);

describe('createCheckpoints', () => {
  test('writes the log back into the file', async () => {
    const checkpoints = createCheckpoints(path);
    const size = statSync(path).size;
    for (let row = 0; row < 20; row += 1) insertPage();
    checkpoints.begin();
    while (statSync(path).size === size) await setImmediate();
    await checkpoints.close();
    expect(database.prepare('SELECT COUNT(*) AS total FROM one').get()).toEqual({ total: 20 });
  });

  test('lets the log begin anew once it is long, while rows are inserted', async () => {
    const checkpoints = createCheckpoints(path, 50);
    const salt = readSalt();
    let rows = 0;
    while (readSalt() === salt) {
      insertPage();
      rows += 1;
      checkpoints.begin();
      await setImmediate();
    }
    await checkpoints.close();
    expect(database.prepare('SELECT COUNT(*) AS total FROM one').get()).toEqual({ total: rows });
    expect(database.prepare('PRAGMA integrity_check').get()).toEqual({ integrity_check: 'ok' });
  });

  test('writes first to a log that begins anew, because that write waits for the disk', async () => {
    const checkpoints = createCheckpoints(path, 50);
    const salt = readSalt();
    for (let row = 0; row < 60; row += 1) insertPage();
    checkpoints.begin();
    while (readSalt() === salt) await setImmediate();
    await checkpoints.close();
    expect(database.prepare('SELECT COUNT(*) AS total FROM one').get()).toEqual({ total: 60 });
    expect(database.prepare('PRAGMA user_version').get()).toEqual({ user_version: 0 });
  });

  test('closes although the thread cannot open the file', async () => {
    const checkpoints = createCheckpoints(join(folder, 'missing', 'valetkey.sqlite'));
    checkpoints.begin();
    await expect(checkpoints.close()).resolves.toBeUndefined();
  });
});

describe('createFlush', () => {
  test('calls that wait at the same time share one flush, and none shares a flush that began before it', async () => {
    const running: (() => void)[] = [];
    const { flush, close } = createFlush(path, () => new Promise((resolve) => running.push(resolve)));
    const done: string[] = [];
    const call = (name: string) => flush().then(() => done.push(name));
    const calls = [call('first')];
    await setImmediate();
    calls.push(call('second'), call('third'));
    await setImmediate();
    expect([running.length, done]).toEqual([1, []]);
    running[0]?.();
    await setImmediate();
    expect([running.length, done]).toEqual([2, ['first']]);
    running[1]?.();
    await Promise.all(calls);
    expect([running.length, done]).toEqual([2, ['first', 'second', 'third']]);
    await close();
  });

  test('a call rejects if its own flush fails, and the next one tries again', async () => {
    let failures = 1;
    const { flush, close } = createFlush(path, async () => {
      if (failures-- > 0) throw Object.assign(new Error('EIO'), { code: 'EIO' });
    });
    await expect(flush()).rejects.toMatchObject({ code: 'EIO' });
    await flush();
    await close();
  });
});

test('a SQLite store that waits for the disk stores and returns what one without it does', async () => {
  database.close();
  const store = createSqliteStore(path, { synchronous: 'full' });
  const alice = { connection: 'vital', vendor: 'vital', issuer: 'https://id.example.com', subject: 'alice' };
  expect(await store.addVendorUser(alice, 'one')).toBe('one');
  expect(await store.findVendorUser(alice)).toBe('one');
  const decision = { at: '2026-01-01T00:00:00.000Z', requestId: '1', operation: 'issue', outcome: 'allowed' } as const;
  expect(await store.recordDecisions([0, 1].map(() => ({ ...decision, issuer: 'a', subject: 'b' })))).toEqual([1, 2]);
  await store.close();
});
