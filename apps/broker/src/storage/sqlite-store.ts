import { statSync } from 'node:fs';
import { DatabaseSync, type StatementSync } from 'node:sqlite';
import { setTimeout as sleep } from 'node:timers/promises';
import { schemaVersion } from './schema-changes.ts';
import {
  createIndexes,
  indexes,
  laterColumns,
  schemaProbe,
  sqlSchema,
  storeVersion,
  warnOfLaterVersion,
} from './sql-schema.ts';
import { toStored } from './rows.ts';
import type { Values } from './rows.ts';
import { toStoreError } from './sql-database.ts';
import { createSqlStore } from './sql-store.ts';
import { createCheckpoints, createFlush, maxLogPages } from './sqlite-log.ts';
import { makePrivateFile, runStep } from './sqlite-file.ts';
import { readColumns, readIndexes, readVersion } from './sqlite-schema.ts';
import type { Store } from './store.ts';

const retryDelayMs = 2;
/** After this many written rows, the write-ahead log is written back into the file. */
const rowsPerCheckpoint = 4_000;

/** The limits of a SQLite store. */
export interface SqliteStoreOptions {
  /** The longest time, in milliseconds, that a call waits for a file that another process has locked. Default: 5000. */
  readonly timeoutMs?: number | undefined;
  /**
   * What a write survives after it has resolved. `normal`: the end of the process, also by `kill -9`. `full`: also a power loss,
   * because each write then waits for the disk. Default: `normal`.
   */
  readonly synchronous?: 'normal' | 'full' | undefined;
  /** Called with a sentence about a problem that does not stop the store. */
  readonly onWarning?: ((problem: string) => void) | undefined;
}

/**
 * Opens the store for one machine: a SQLite file. A missing file is created with its folder, readable only by its owner.
 * Several processes may share the file. `:memory:` keeps everything in this process. Throws if the file cannot be opened.
 *
 * @example
 * ```ts
 * import { createBroker, createSqliteStore } from '@valetkey/broker';
 *
 * const store = createSqliteStore('/var/lib/valetkey/valetkey.sqlite');
 * const broker = createBroker({ issuers: [{ issuer: 'https://id.example.com', audiences: ['my-api'] }] }, { store });
 * ```
 */
export function createSqliteStore(path: string, options: SqliteStoreOptions = {}): Store {
  const { timeoutMs = 5000, synchronous = 'normal', onWarning = () => undefined } = options;
  if (path !== ':memory:') makePrivateFile(path, { warn: onWarning });
  const database = runStep('SQLite cannot open the file', () => new DatabaseSync(path, { timeout: timeoutMs }));
  try {
    setUp(database, timeoutMs);
    warnOfLaterVersion(readVersion(database), onWarning);
    return createStore(database, { path, timeoutMs, synchronous });
  } catch (error) {
    database.close();
    throw error;
  }
}

function createStore(
  database: DatabaseSync,
  {
    path,
    timeoutMs,
    synchronous,
  }: { readonly path: string; readonly timeoutMs: number; readonly synchronous: 'normal' | 'full' },
): Store {
  const isInPlace = watchFile(path);
  const checkpoints = createCheckpoints(path);
  const log = synchronous === 'full' && path !== ':memory:' ? createFlush(path) : undefined;
  let rowsLeft = rowsPerCheckpoint;
  const prepare = createStatements(database);
  const run = (text: string, values: Values) => {
    const { statement, places } = prepare(text);
    return statement.all(...places.map((place) => toStored(values[place - 1] ?? null)));
  };
  /** Writes, and resolves when the written rows survive what `synchronous` says. */
  const write = async <Result>(work: () => Result, rows = 1): Promise<Result> => {
    const result = await whenUnlocked(timeoutMs, () => {
      if (!isInPlace()) throw Object.assign(new Error('The file was removed or replaced.'), { code: 'FILE_REPLACED' });
      return work();
    });
    rowsLeft -= rows;
    if (rowsLeft <= 0) {
      rowsLeft = rowsPerCheckpoint;
      checkpoints.begin();
    }
    try {
      await log?.flush();
    } catch (error) {
      throw toStoreError(error);
    }
    return result;
  };

  return createSqlStore({
    query: (text, values = []) =>
      text.startsWith('SELECT') ? whenUnlocked(timeoutMs, () => run(text, values)) : write(() => run(text, values)),
    // SQLite has one writer at a time, so the transactions of all keys run one after the other.
    queryInTurn: (_, texts, values) =>
      write(() => inTransaction(database, () => texts.flatMap((text) => run(text, values)))),
    insertRows: (into, rows) => {
      const insert = `INSERT INTO ${into} VALUES (${rows[0]?.map(() => '?').join(', ')})`;
      const insertAll = () => {
        const { statement } = prepare(insert);
        return rows.map((values) => ({ id: statement.run(...values.map(toStored)).lastInsertRowid }));
      };
      return write(() => inTransaction(database, insertAll), rows.length);
    },
    close: async () => {
      await checkpoints.close();
      await log?.close();
      database.close();
    },
  });
}

/** A statement, and the place of each of its parameters among the values: SQLite binds them fastest in the order of their use. */
interface PreparedStatement {
  readonly statement: StatementSync;
  readonly places: readonly number[];
}

/**
 * Returns the function that prepares a statement once. The parameters are `$1`, `$2` and so on. Statements of one transaction share
 * their values, so a statement may use only some of them.
 */
function createStatements(database: DatabaseSync): (text: string) => PreparedStatement {
  const prepared = new Map<string, PreparedStatement>();
  return (text) => {
    const known = prepared.get(text);
    if (known !== undefined) return known;
    const places = Array.from(text.matchAll(/\$(\d+)/g), ([, place]) => Number(place));
    const statement = { statement: database.prepare(text.replaceAll(/\$\d+/g, '?')), places };
    prepared.set(text, statement);
    return statement;
  };
}

/** Tries again while another process has locked the file. Rejects with the error of a store. */
async function whenUnlocked<Result>(timeoutMs: number, run: () => Result): Promise<Result> {
  const giveUpAtMs = performance.now() + timeoutMs;
  for (;;) {
    try {
      return run();
    } catch (error) {
      if (!isBusy(error) || performance.now() >= giveUpAtMs) throw toStoreError(error);
    }
    await sleep(retryDelayMs);
  }
}

/** Locks the file before it reads, so that nothing that it has read changes before it writes. */
function inTransaction<Result>(database: DatabaseSync, run: () => Result): Result {
  database.exec('BEGIN IMMEDIATE');
  try {
    const result = run();
    database.exec('COMMIT');
    return result;
  } catch (error) {
    // SQLite itself has ended the transaction after some errors, such as a full disk.
    if (database.isTransaction) database.exec('ROLLBACK');
    throw error;
  }
}

/**
 * Returns a function that returns whether the path still names the same file, with the same write-ahead log. SQLite continues
 * to write to a file or log that was removed or replaced, and those writes would be lost.
 */
function watchFile(path: string): () => boolean {
  if (path === ':memory:') return () => true;
  const identify = () =>
    [path, `${path}-wal`]
      .map((file) => statSync(file, { throwIfNoEntry: false }))
      .map((found) => `${found?.dev}:${found?.ino}`)
      .join();
  const opened = identify();
  return () => identify() === opened;
}

function setUp(database: DatabaseSync, timeoutMs: number): void {
  // With a write-ahead log, a committed write survives a crash of the process, and the commit does not wait for the disk.
  runStep('SQLite cannot read the file and its write-ahead log', () => database.exec('PRAGMA schema_version'));
  runStep('its write-ahead log cannot be created', () => enableWriteAheadLog(database, performance.now() + timeoutMs));
  // For `full`, the store itself waits for the disk, and other requests are served meanwhile.
  database.exec('PRAGMA synchronous = NORMAL');
  // The indexes of a large audit do not fit into the default of 2 MB. A thread writes the log back into the file.
  database.exec(`PRAGMA cache_size = -32768; PRAGMA wal_autocheckpoint = ${2 * maxLogPages}`);
  runStep('its tables cannot be created', () => createTables(database));
  // SQLite's own waiting blocks the event loop; the store waits asynchronously instead.
  database.exec('PRAGMA busy_timeout = 0');
}

/** Creates what is missing in one transaction: another process may do the same, and a small disk has room for all of it or none. */
function createTables(database: DatabaseSync): void {
  if (isComplete(database)) return;
  inTransaction(database, () => {
    database.exec(sqlSchema('INTEGER PRIMARY KEY'));
    for (const { table, name, type } of missingColumns(database)) {
      database.exec(`ALTER TABLE ${table} ADD COLUMN ${name} ${type}`);
    }
    for (const statement of createIndexes) database.exec(statement);
    database.exec(storeVersion);
  });
}

function isComplete(database: DatabaseSync): boolean {
  const present = readIndexes(database);
  if (!Object.keys(indexes).every((index) => present.has(index))) return false;
  try {
    database.exec(schemaProbe);
    return (readVersion(database) ?? 0) >= schemaVersion;
  } catch {
    return false;
  }
}

function missingColumns(database: DatabaseSync) {
  return laterColumns.filter(({ table, name }) => !readColumns(database, table).has(name));
}

/** Retries, because SQLite refuses one of two processes that enable the log of a new file at the same time. */
function enableWriteAheadLog(database: DatabaseSync, giveUpAtMs: number): void {
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

/** Returns whether another process is writing: the error is SQLITE_BUSY or one of its extended codes. */
function isBusy(error: unknown): boolean {
  const { errcode } = error as { errcode?: number };
  return errcode !== undefined && (errcode & 0xff) === 5;
}
