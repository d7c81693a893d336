import { codeOfForeignError } from '@valetkey/core-types';
import { escapeLiteral, Pool, type QueryResult } from 'pg';
import type { PostgresAddress } from '../config/postgres-url.ts';
import type { SqlDatabase } from './sql-store.ts';
import { isRoleFailure } from './store-failure.ts';

type Row = Readonly<Record<string, unknown>>;

/** A PostgreSQL database, possibly behind a pooler. */
export interface PostgresDatabase extends Pick<SqlDatabase, 'close'> {
  /** Runs statements in one transaction and returns the rows of the last one. The parameters are `$1`, `$2` and so on. */
  readonly query: (statements: string, values?: readonly (string | number | null)[]) => Promise<readonly Row[]>;
}

/**
 * Opens a database, which connects at the first query.
 *
 * A pooler may give each transaction to another session of the server, and refuses a session with unknown parameters. So
 * nothing is left in a session: each transaction sets its own parameters. A transaction is one text, because a pooler in
 * statement mode refuses `BEGIN`; PostgreSQL runs the statements of one text in one transaction. Such a text cannot have
 * parameters, so the values are quoted by `pg`.
 */
export function openPostgresDatabase(
  { client, settings }: PostgresAddress,
  maxConnections: number,
  timeoutMs: number,
): PostgresDatabase {
  const setUp = describeSetUp([['statement_timeout', String(timeoutMs)], ...settings, ...ownSettings]);
  const openPool = () => {
    const pool = new Pool({
      application_name: 'valetkey',
      ...client,
      max: maxConnections,
      connectionTimeoutMillis: timeoutMs,
      // The server itself ends a slow statement. This longer timeout is for a server that no longer responds.
      query_timeout: timeoutMs + 500,
      keepAlive: true,
    });
    // The pool replaces an idle connection that breaks. Without a listener, its `error` event would end the process.
    return pool.on('error', () => undefined);
  };
  let pool = openPool();
  let isClosed = false;

  return {
    query: async (statements, values = []) => {
      const used = pool;
      try {
        const result: QueryResult<Row> | QueryResult<Row>[] = await used.query<Row>(
          `${setUp}; ${fill(statements, values)}`,
        );
        return (Array.isArray(result) ? result : [result]).at(-1)?.rows ?? [];
      } catch (error) {
        // After a failover, every connection of the pool may lead to a server that can no longer be used.
        if (isRoleFailure(codeOfForeignError(error)) && used === pool && !isClosed) pool = openPool();
        throw error;
      } finally {
        // A pool that ends forgets the queries that wait for a connection, and each would wait for its timeout.
        if (used !== pool && used.waitingCount === 0 && !used.ending) void used.end();
      }
    },
    close: async () => {
      isClosed = true;
      await pool.end();
    },
  };
}

/** The settings that neither the URL nor the role may change. */
const ownSettings = [
  // `pg` always reads and writes UTF-8.
  ['client_encoding', 'UTF8'],
  // A policy must not hide a row: a blocked user would be admitted. Without this, such a statement returns no row; with it, it fails.
  ['row_security', 'off'],
] as const;

/**
 * Returns the statements that begin each transaction. A role or a database may have a stricter isolation as its default, with
 * which the server refuses some of the statements that run at the same time.
 */
function describeSetUp(settings: readonly (readonly [name: string, value: string])[]): string {
  const calls = settings.map(([name, value]) => `set_config(${escapeLiteral(name)}, ${escapeLiteral(value)}, true)`);
  return `SET TRANSACTION ISOLATION LEVEL READ COMMITTED; SELECT ${calls.join(', ')}`;
}

/** Replaces the parameters of statements by quoted values. */
function fill(statements: string, values: readonly (string | number | null)[]): string {
  return statements.replaceAll(/\$(\d+)/g, (_, position: string) => {
    const value = values[Number(position) - 1];
    if (value === undefined) throw new TypeError(`Parameter $${position} has no value.`);
    return typeof value === 'string' ? escapeLiteral(value) : String(value ?? 'NULL');
  });
}
