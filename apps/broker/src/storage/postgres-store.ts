import { Pool } from 'pg';
import { isPostgresUrl } from '../config/postgres-url.ts';
import { createSqlStore, sqlSchema } from './sql-store.ts';
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

/** The key of an advisory lock. Only the broker that holds it creates tables, because brokers may start at the same time. */
const schemaLock = 5_387_241_906;

/** PostgreSQL's SQLSTATE for a missing table. */
const undefinedTable = '42P01';

/**
 * Creates the store for several machines: a PostgreSQL database. The first call creates the tables; if that fails, the
 * next call tries again. Throws a `TypeError` if `url` is not a PostgreSQL URL.
 *
 * @example
 * ```ts
 * import { createBroker, createPostgresStore } from '@valetkey/broker';
 *
 * const store = createPostgresStore({ url: process.env.DATABASE_URL ?? 'postgresql://127.0.0.1/valetkey' });
 * const broker = createBroker({ issuers: [{ issuer: 'https://id.example.com', audiences: ['my-api'] }] }, { store });
 * ```
 */
export function createPostgresStore({ url, maxConnections = 10, timeoutMs = 5000 }: PostgresStoreOptions): Store {
  // Checked here, because the library's message about a wrong URL quotes its password.
  if (!isPostgresUrl(url)) throw new TypeError('url must be like postgresql://user:password@host:5432/database');
  const pool = new Pool({
    connectionString: url,
    application_name: 'valetkey',
    max: maxConnections,
    connectionTimeoutMillis: timeoutMs,
    statement_timeout: timeoutMs,
    // The server itself ends a slow statement. This longer timeout is for a server that no longer responds.
    query_timeout: timeoutMs + 500,
    keepAlive: true,
  });
  // The pool replaces an idle connection that breaks. Without a listener, its `error` event would end the process.
  pool.on('error', () => undefined);

  let opened: Promise<unknown> | undefined;
  const open = () => {
    // PostgreSQL runs statements that are sent as one text in one transaction, and releases the lock at its end.
    opened ??= pool
      .query(
        `SELECT pg_advisory_xact_lock(${schemaLock}); ${sqlSchema('BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY')}`,
      )
      .catch((error: unknown) => {
        opened = undefined;
        throw error;
      });
    return opened;
  };

  return createSqlStore({
    query: async (statement, values) => {
      await open();
      try {
        const { rows } = await pool.query<Record<string, unknown>>(statement, [...values]);
        return rows;
      } catch (error) {
        // The tables were dropped, perhaps during a restore. The next call creates them again.
        if ((error as { code?: unknown }).code === undefinedTable) opened = undefined;
        throw error;
      }
    },
    close: () => pool.end(),
  });
}
