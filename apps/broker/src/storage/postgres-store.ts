import { codeOfForeignError } from '@valetkey/core-types';
import { parsePostgresUrl, type PostgresAddress } from '../config/postgres-url.ts';
import { openPostgresDatabase, type PostgresDatabase } from './postgres-database.ts';
import { laterColumns, schemaProbe, sqlSchema } from './sql-schema.ts';
import { createSqlStore, toStoreError } from './sql-store.ts';
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
  let opened: Promise<void> | undefined;
  const openOnce = () => {
    opened ??= createMissingTables(database).catch((error: unknown) => {
      opened = undefined;
      throw error;
    });
    return opened;
  };

  const afterOpening =
    <Values extends unknown[]>(query: (...values: Values) => ReturnType<PostgresDatabase['query']>) =>
    async (...values: Values) => {
      await openOnce();
      try {
        return await query(...values);
      } catch (error) {
        // A table was dropped, perhaps during a restore. The next call creates it again.
        if (codeOfForeignError(error) === undefinedTable) opened = undefined;
        throw error;
      }
    };

  return createSqlStore({
    query: afterOpening(database.query),
    queryInTurn: afterOpening(database.queryInTurn),
    close: database.close,
  });
}

/**
 * Creates the missing tables and columns and the missing index of a PostgreSQL store. Changes nothing if none is missing. Rejects with
 * `overloaded` if the database cannot be used, or if the role may not create tables and columns.
 */
export async function migratePostgresStore(options: PostgresStoreOptions): Promise<void> {
  const database = open(options);
  try {
    const isComplete = (await findSchemaProblem(database)) === undefined;
    const [index] = isComplete ? await database.query(`SELECT to_regclass('decision_at')::text AS name`) : [];
    if (typeof index?.['name'] !== 'string') await createTables(database);
    const problem = await findSchemaProblem(database);
    if (problem !== undefined) throw problem;
  } catch (error) {
    throw toStoreError(error);
  } finally {
    await database.close();
  }
}

function open({ url, maxConnections = 10, timeoutMs = 5000 }: PostgresStoreOptions): PostgresDatabase {
  const address: PostgresAddress | { readonly problem: string } = parsePostgresUrl(url);
  if ('problem' in address) throw new TypeError(`url ${address.problem}`);
  return openPostgresDatabase(address, maxConnections, timeoutMs);
}

/** PostgreSQL's SQLSTATEs for a missing table, a missing column and a missing privilege. */
const undefinedTable = '42P01';
const undefinedColumn = '42703';
const insufficientPrivilege = '42501';

/** Creates tables only if the schema has a problem, because the role may not be allowed to create any. */
async function createMissingTables(database: PostgresDatabase): Promise<void> {
  if ((await findSchemaProblem(database)) !== undefined) await createTables(database);
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

/** The key of an advisory lock. Brokers that start at the same time create the tables one after the other. */
const schemaLock = 5_387_241_906;

async function createTables(database: PostgresDatabase): Promise<void> {
  const addColumns = laterColumns.map(
    ({ table, name, type }) => `ALTER TABLE ${table} ADD COLUMN IF NOT EXISTS ${name} ${type}`,
  );
  try {
    await database.query(
      [
        `SELECT pg_advisory_xact_lock(${schemaLock})`,
        sqlSchema('BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY'),
        ...addColumns,
      ].join('; '),
    );
  } catch (error) {
    if (codeOfForeignError(error) !== insufficientPrivilege) throw error;
    throw Object.assign(new Error('The role may not create the missing tables and columns.'), {
      code: migrationRequired,
    });
  }
}
