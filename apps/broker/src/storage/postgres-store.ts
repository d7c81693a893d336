import { codeOfForeignError } from '@valetkey/core-types';
import { parsePostgresUrl, type PostgresAddress } from '../config/postgres-url.ts';
import { deferPostgresDatabase } from './deferred-postgres-database.ts';
import type { PostgresDatabase } from './postgres-database.ts';
import {
  createIndexes,
  indexes,
  laterColumns,
  planMigration,
  schemaProbe,
  selectVersion,
  sqlSchema,
  storeVersion,
  tableNames,
  warnOfLaterVersion,
  type MigrationPlan,
} from './sql-schema.ts';
import { toStoreError } from './sql-database.ts';
import { createSqlStore } from './sql-store.ts';
import { migrationRequired } from './store-failure.ts';
import type { Store } from './store.ts';

/** Which database a PostgreSQL store uses, and how many connections and how much time. */
export interface PostgresStoreOptions {
  /** `postgresql://user:password@host:5432/database`, with `?sslmode=verify-full` if the server runs on another machine. */
  readonly url: string;
  /** The largest number of PostgreSQL connections that are open at one time. Default: 10. */
  readonly maxConnections?: number | undefined;
  /** Milliseconds that a call waits for a connection, and as many again that it waits for its result. Default: 5000. */
  readonly timeoutMs?: number | undefined;
  /** Called with a sentence about a problem that does not stop the store. */
  readonly onWarning?: ((problem: string) => void) | undefined;
}

/**
 * Creates a store in a PostgreSQL database, which several brokers can share. The first call creates missing tables; if that
 * fails, the next call tries again. A pooler such as PgBouncer may be in front of the server. Throws a `TypeError` if `url` is not a PostgreSQL URL.
 *
 * @example
 * ```ts
 * import { createBroker, createPostgresStore } from '@valetkey/broker';
 *
 * const store = createPostgresStore({ url: process.env.DATABASE_URL ?? 'postgresql://127.0.0.1/valetkey' });
 * const broker = createBroker({ issuers: [{ issuer: 'https://id.example.com', audiences: ['my-api'] }] }, { store });
 * ```
 */
export function createPostgresStore(options: PostgresStoreOptions): Store {
  const database = open(options);
  const { onWarning = () => undefined } = options;
  let opened: Promise<void> | undefined;
  let hasWarned = false;
  const warnOnce = async () => {
    if (hasWarned) return;
    hasWarned = true;
    // The role may not be allowed to read the version, which only this warning needs.
    warnOfLaterVersion(await readVersion(database).catch(() => undefined), onWarning);
  };
  const openOnce = () => {
    opened ??= createMissingTables(database)
      .then(() => warnOnce())
      .catch((error: unknown) => {
        opened = undefined;
        throw error;
      });
    return opened;
  };

  const afterOpening =
    <Values extends unknown[]>(query: (...values: Values) => ReturnType<PostgresDatabase['query']>) =>
    async (...values: Values) => {
      try {
        await openOnce();
        return await query(...values);
      } catch (error) {
        // A table was dropped, perhaps during a restore. The next call creates it again.
        if (codeOfForeignError(error) === undefinedTable) opened = undefined;
        throw toStoreError(error);
      }
    };

  return createSqlStore({
    query: afterOpening(database.query),
    queryInTurn: afterOpening(database.queryInTurn),
    insertRows: afterOpening(database.insertRows),
    close: database.close,
  });
}

/** The longest time, in milliseconds, that one statement of a migration may take. An index of many decisions needs minutes. */
const maxMigrationMs = 3_600_000;

/** Returns what is missing in a PostgreSQL store, and changes nothing. Rejects with `overloaded` if the database cannot be used. */
export async function planPostgresMigration(options: PostgresStoreOptions): Promise<MigrationPlan> {
  const database = open(options);
  try {
    return await readPlan(database);
  } catch (error) {
    throw toStoreError(error);
  } finally {
    await database.close();
  }
}

/**
 * Creates the missing tables, columns and indexes of a PostgreSQL store, and returns what was missing. Changes nothing if none is
 * missing. Rejects with `overloaded` if the database cannot be used, or if the role may not create what is missing.
 */
export async function migratePostgresStore(options: PostgresStoreOptions): Promise<MigrationPlan> {
  const database = open(options);
  const patient = open({ ...options, maxConnections: 1, timeoutMs: maxMigrationMs });
  try {
    const plan = await readPlan(database);
    const isOld = plan.current < plan.target;
    if (isOld || (await findSchemaProblem(database)) !== undefined) await createTables(patient);
    const isMissing = Object.keys(indexes).map((name) => `to_regclass('${name}') IS NULL`);
    const [found] = await database.query(`SELECT ${isMissing.join(' OR ')} AS lacks_index`);
    if (found?.['lacks_index'] !== false) await createMissingIndexes(patient);
    const problem = await findSchemaProblem(database);
    if (problem !== undefined) throw problem;
    return plan;
  } catch (error) {
    throw toStoreError(error);
  } finally {
    await Promise.all([database.close(), patient.close()]);
  }
}

function open({ url, maxConnections = 10, timeoutMs = 5000 }: PostgresStoreOptions): PostgresDatabase {
  const address: PostgresAddress | { readonly problem: string } = parsePostgresUrl(url);
  if ('problem' in address) throw new TypeError(`url ${address.problem}`);
  return deferPostgresDatabase(address, maxConnections, timeoutMs);
}

/** PostgreSQL's SQLSTATEs for a missing table, a missing column and a missing privilege. */
const undefinedTable = '42P01';
const undefinedColumn = '42703';
const insufficientPrivilege = '42501';

async function readVersion(database: PostgresDatabase): Promise<number | undefined> {
  const [found] = await database.query(selectVersion);
  const version = found?.['version'];
  return typeof version === 'number' ? version : undefined;
}

async function readPlan(database: PostgresDatabase): Promise<MigrationPlan> {
  const names = tableNames.map((name) => `'${name}'`).join(', ');
  const found = await database.query(`SELECT name AS table_name, attname AS column_name
    FROM unnest(ARRAY[${names}]) AS name
    JOIN pg_catalog.pg_attribute ON attrelid = to_regclass(name) AND attnum > 0 AND NOT attisdropped`);
  const columns = new Map<string, Set<string>>();
  for (const { table_name: table, column_name: column } of found) {
    const known = columns.get(String(table)) ?? new Set();
    columns.set(String(table), known.add(String(column)));
  }
  const present = await database.query(`SELECT name
    FROM unnest(ARRAY[${Object.keys(indexes)
      .map((name) => `'${name}'`)
      .join(', ')}]) AS name
    WHERE to_regclass(name) IS NOT NULL`);
  const version = columns.has('schema_version') ? await readVersion(database).catch(() => undefined) : undefined;
  return planMigration({ columns, indexes: new Set(present.map(({ name }) => String(name))), version });
}

/** Creates tables only if the schema has a problem, because the role may not be allowed to create any. */
async function createMissingTables(database: PostgresDatabase): Promise<void> {
  if ((await findSchemaProblem(database)) === undefined) return;
  const [found] = await database.query(`SELECT to_regclass('decision') IS NULL AS is_new`);
  await createTables(database);
  // In a table with many rows, this takes longer than a call may wait, and blocks the writers: `valetkey migrate` does it.
  if (found?.['is_new'] === true) await createMissingIndexes(database);
}

/** Returns the database's error about a missing table or column, or undefined if none is missing. */
async function findSchemaProblem(database: PostgresDatabase): Promise<unknown> {
  try {
    await database.query(schemaProbe);
    return undefined;
  } catch (error) {
    const code = codeOfForeignError(error);
    if (code === undefinedTable || code === undefinedColumn) return error;
    // The tables exist. A call that needs a privilege which the role lacks fails with its own error.
    if (code === insufficientPrivilege) return undefined;
    throw error;
  }
}

async function createTables(database: PostgresDatabase): Promise<void> {
  const addColumns = laterColumns.map(
    ({ table, name, type }) => `ALTER TABLE ${table} ADD COLUMN IF NOT EXISTS ${name} ${type}`,
  );
  const rowNumber = 'BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY';
  await create(database, `${sqlSchema(rowNumber)} ${addColumns.join('; ')}; ${storeVersion}`);
}

/** Creates each index in a transaction of its own, so that the writers can write in between. */
async function createMissingIndexes(database: PostgresDatabase): Promise<void> {
  for (const statement of createIndexes) await create(database, statement);
}

/** The key of an advisory lock. Brokers that start at the same time create the tables one after the other. */
const schemaLock = 5_387_241_906;

async function create(database: PostgresDatabase, statements: string): Promise<void> {
  try {
    await database.query(`SELECT pg_advisory_xact_lock(${schemaLock}); ${statements}`);
  } catch (error) {
    if (codeOfForeignError(error) !== insufficientPrivilege) throw error;
    throw Object.assign(new Error('The role may not create what is missing.'), { code: migrationRequired });
  }
}
