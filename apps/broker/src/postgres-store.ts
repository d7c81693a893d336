import { Pool } from 'pg';
import { createSqlStore, sqlSchema } from './sql-store.ts';
import type { Store } from './store.ts';

/** Which database, and how much of it the store takes. */
export interface PostgresStoreOptions {
  /** `postgresql://user:password@host:5432/database`, with `?sslmode=verify-full` beyond one machine. */
  readonly url: string;
  /** Most connections at once. Default: 10. */
  readonly maxConnections?: number | undefined;
  /** Milliseconds that a call may wait for a connection, and then for its answer. Default: 5000. */
  readonly timeoutMs?: number | undefined;
}

/** Whoever makes the tables holds this advisory lock, so that two brokers that start at once do not collide. */
const schemaLock = 5_387_241_906;

/** PostgreSQL's SQLSTATE for a table that is not there. */
const undefinedTable = '42P01';

/** Whether a text can be the URL of a PostgreSQL database. */
export function isPostgresUrl(text: string): boolean {
  return /^postgres(ql)?:\/\//.test(text) && URL.canParse(text);
}

/**
 * The store for several machines: a PostgreSQL database. Its tables are made at the first use; a database that is down
 * is tried again by each call. Throws a `TypeError` for a URL that is none.
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
  // Here, for what others say of a wrong URL quotes its password.
  if (!isPostgresUrl(url)) throw new TypeError('url must be like postgresql://user:password@host:5432/database');
  const pool = new Pool({
    connectionString: url,
    application_name: 'valetkey',
    max: maxConnections,
    connectionTimeoutMillis: timeoutMs,
    statement_timeout: timeoutMs,
    // The server ends a slow statement; this is for a server that says nothing any more.
    query_timeout: timeoutMs + 500,
    keepAlive: true,
  });
  // A connection that breaks between two uses is replaced by the next one; without a listener it would end the process.
  pool.on('error', () => undefined);

  let opened: Promise<unknown> | undefined;
  const open = () => {
    // Statements sent as one text are one transaction, and the lock ends with it.
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
        // Somebody took the tables away, perhaps to restore them; the next call makes what is missing.
        if ((error as { code?: unknown }).code === undefinedTable) opened = undefined;
        throw error;
      }
    },
    close: () => pool.end(),
  });
}
