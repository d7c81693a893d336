import { codeOfForeignError } from '@valetkey/core-types';
import { parsePostgresUrl, type PostgresAddress } from '../config/postgres-url.ts';
import { openPostgresDatabase, type PostgresDatabase } from './postgres-database.ts';
import { schemaProbe, sqlSchema } from './sql-schema.ts';
import { createSqlStore, toStoreError } from './sql-store.ts';
import { migrationRequired } from './store-failure.ts';
import type { Store } from './store.ts';

/** The database of a PostgreSQL store, and the limits of its use. */
export interface PostgresStoreOptions {
  /** `postgresql://user:password@host:5432/database`, with `?sslmode=verify-full` for another machine. */
  readonly url: string;
  /** The most PostgreSQL connections that are open at once. Default: 10. */
  readonly maxConnections?: number | undefined;
  /** The longest time, in milliseconds, that a call waits for a connection, and then for its result. Default: 5000. */
  readonly timeoutMs?: number | undefined;
}

/**
 * Creates the store for several machines: a PostgreSQL database. The first call creates the missing tables; if that fails,
 * the next call tries again. A pooler such as PgBouncer may be in front of the server. Throws a `TypeError` if `url` is not a PostgreSQL URL.
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

  return createSqlStore({
    query: async (statement, values) => {
      await openOnce();
      try {
        return await database.query(statement, values);
      } catch (error) {
        // The tables were dropped, perhaps during a restore. The next call creates them again.
        if (codeOfForeignError(error) === undefinedTable) opened = undefined;
        throw error;
      }
    },
    close: database.close,
  });
}

/**
 * Creates the missing tables of a PostgreSQL store, and changes nothing if none is missing. Rejects with `overloaded` if the
 * tables cannot be created.
 */
export async function migratePostgresStore(options: PostgresStoreOptions): Promise<void> {
  const database = open(options);
  try {
    const hasTables = await findMissingTables(database).then((missing) => missing === undefined);
    const [index] = hasTables ? await database.query(`SELECT to_regclass('decision_at')::text AS name`) : [];
    if (typeof index?.['name'] !== 'string') await createTables(database);
    const missing = await findMissingTables(database);
    if (missing !== undefined) throw missing;
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

/** PostgreSQL's SQLSTATEs for a missing table and for a missing privilege. */
const undefinedTable = '42P01';
const insufficientPrivilege = '42501';

/** Uses the tables as they are if none is missing, because the role may not be allowed to create any. */
async function createMissingTables(database: PostgresDatabase): Promise<void> {
  if ((await findMissingTables(database)) !== undefined) await createTables(database);
}

/** Returns the error about a missing table, or undefined. */
async function findMissingTables(database: PostgresDatabase): Promise<unknown> {
  try {
    await database.query(schemaProbe);
    return undefined;
  } catch (error) {
    const code = codeOfForeignError(error);
    if (code === undefinedTable || code === '42703') return error;
    // The tables are there. Which of them the role may use is seen when it uses them.
    if (code === insufficientPrivilege) return undefined;
    throw error;
  }
}

/** The key of an advisory lock. Only the broker that holds it creates tables, because brokers may start at the same time. */
const schemaLock = 5_387_241_906;

async function createTables(database: PostgresDatabase): Promise<void> {
  try {
    await database.query(
      `SELECT pg_advisory_xact_lock(${schemaLock}); ${sqlSchema('BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY')}`,
    );
  } catch (error) {
    if (codeOfForeignError(error) !== insufficientPrivilege) throw error;
    throw Object.assign(new Error('The role may not create the missing tables.'), { code: migrationRequired });
  }
}
