import { chmodSync, closeSync, mkdirSync, openSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync, type StatementSync } from 'node:sqlite';
import { setTimeout as sleep } from 'node:timers/promises';
import { createSqlStore, sqlSchema } from './sql-store.ts';
import type { Store } from './store.ts';

const retryDelayMs = 2;

/** How long the store waits. */
export interface SqliteStoreOptions {
  /** Milliseconds that another process may keep the file to itself before it is refused. Default: 5000. */
  readonly timeoutMs?: number | undefined;
}

/**
 * The store for one machine: a SQLite file, made with its folder where it is missing and readable by its owner alone.
 * Several processes may share the file. `:memory:` keeps everything in this process. Throws where it cannot be opened.
 */
export function createSqliteStore(path: string, { timeoutMs = 5000 }: SqliteStoreOptions = {}): Store {
  if (path !== ':memory:') makePrivateFile(path);
  const database = new DatabaseSync(path, { timeout: timeoutMs });
  try {
    setUp(database, timeoutMs);
  } catch (error) {
    database.close();
    throw error;
  }

  const isInPlace = watchFile(path);
  const prepared = new Map<string, StatementSync>();
  const run = (statement: string, values: readonly (string | number | null)[]) => {
    if (!statement.startsWith('SELECT') && !isInPlace())
      throw Object.assign(new Error('The file is gone or another.'), { code: 'FILE_REPLACED' });
    const known = prepared.get(statement) ?? database.prepare(statement);
    prepared.set(statement, known);
    return known.all(Object.fromEntries(values.map((value, index) => [`$${index + 1}`, value])));
  };

  return createSqlStore({
    query: async (statement, values) => {
      const giveUpAtMs = performance.now() + timeoutMs;
      for (;;) {
        try {
          return run(statement, values);
        } catch (error) {
          if (!isBusy(error) || performance.now() >= giveUpAtMs) throw error;
        }
        await sleep(retryDelayMs);
      }
    },
    close: async () => database.close(),
  });
}

/** Before SQLite opens it, for the files that it puts beside this one get the same mode. */
function makePrivateFile(path: string): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  closeSync(openSync(path, 'a', 0o600));
  chmodSync(path, 0o600);
}

/**
 * Tells whether the path still leads to the file that it leads to now. SQLite goes on writing into one that was removed
 * or replaced, where nobody would find it again.
 */
function watchFile(path: string): () => boolean {
  if (path === ':memory:') return () => true;
  const identify = () => {
    const { dev, ino } = statSync(path, { throwIfNoEntry: false }) ?? {};
    return `${dev}:${ino}`;
  };
  const opened = identify();
  return () => identify() === opened;
}

function setUp(database: DatabaseSync, timeoutMs: number): void {
  // With a write-ahead log a commit survives the death of the process without waiting for the disk.
  becomeWriteAhead(database, performance.now() + timeoutMs);
  database.exec('PRAGMA synchronous = NORMAL');
  database.exec(sqlSchema('INTEGER PRIMARY KEY'));
  // SQLite's own waiting would hold up every request of this process; ours lets them pass.
  database.exec('PRAGMA busy_timeout = 0');
}

/** Of two processes that do this to a new file at once, SQLite refuses one without waiting. */
function becomeWriteAhead(database: DatabaseSync, giveUpAtMs: number): void {
  for (;;) {
    try {
      database.exec('PRAGMA journal_mode = WAL');
      return;
    } catch (error) {
      if (!isBusy(error) || performance.now() >= giveUpAtMs) throw error;
    }
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, retryDelayMs);
  }
}

/** Whether another connection is writing: SQLITE_BUSY, whatever the extended code says beyond it. */
function isBusy(error: unknown): boolean {
  const { errcode } = error as { errcode?: number };
  return errcode !== undefined && (errcode & 0xff) === 5;
}
