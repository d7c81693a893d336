import { codeOfForeignError } from '@valetkey/core-types';
import { escapeLiteral, Pool, type QueryResult } from 'pg';
import type { PostgresAddress, PostgresSetting } from '../config/postgres-url.ts';
import { toStored } from './rows.ts';
import type { SqlDatabase } from './sql-database.ts';
import { isRoleFailure, readOnly, settingRefused } from './store-failure.ts';

type Row = Readonly<Record<string, unknown>>;

/** A PostgreSQL database, possibly behind a pooler. */
export interface PostgresDatabase extends Pick<SqlDatabase, 'queryInTurn' | 'insertRows' | 'close'> {
  /** Runs statements in one transaction and returns their rows. The parameters are `$1`, `$2` and so on. */
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
  const setUp = describeSetUp([['statement_timeout', String(timeoutMs)], ...settings]);
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

  const run = async (before: readonly string[], statements: string): Promise<readonly Row[]> => {
    const used = pool;
    try {
      const results: unknown = await used.query([...before, statements].join('; '));
      return (results as QueryResult<Row>[]).slice(before.length).flatMap(({ rows }) => rows);
    } catch (thrown) {
      const error = nameRefusedSetting(thrown);
      // After a failover, every connection of the pool may lead to a server that can no longer be used.
      if (isRoleFailure(codeOfForeignError(error)) && used === pool && !isClosed) pool = openPool();
      throw error;
    } finally {
      // A pool that ends forgets the queries that wait for a connection, and each would wait for its timeout.
      if (used !== pool && used.waitingCount === 0 && !used.ending) void used.end();
    }
  };

  return {
    query: (statements, values = []) => run(setUp, fill(statements, values)),
    queryInTurn: (key, statements, values) =>
      // Each statement after the lock sees what the earlier holders of the lock have committed.
      run(
        [...setUp, `SELECT pg_advisory_xact_lock(hashtextextended(${escapeLiteral(key)}, 0))`],
        fill(statements.join('; '), values),
      ),
    insertRows: (into, rows) => {
      const tuples = rows.map((values) => `(${values.map(quote).join(', ')})`);
      return run(setUp, `INSERT INTO ${into} VALUES ${tuples.join(', ')} RETURNING id`);
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
function describeSetUp(settings: readonly PostgresSetting[]): readonly string[] {
  // Such a parameter can be set only before the first query of its transaction.
  const isOfTransaction = ([name]: PostgresSetting) => /^transaction_(read_only|isolation|deferrable)$/i.test(name);
  const first = settings.filter(isOfTransaction).map(([name, value]) => `SET LOCAL ${name} = ${escapeLiteral(value)}`);
  const calls = [...settings.filter((setting) => !isOfTransaction(setting)), ...ownSettings].map(
    ([name, value]) => `set_config(${escapeLiteral(name)}, ${escapeLiteral(value)}, true)`,
  );
  return [...first, 'SET TRANSACTION ISOLATION LEVEL READ COMMITTED', `SELECT ${calls.join(', ')}`];
}

/**
 * Returns an error with a code of its own if the server refuses a parameter of the URL. PostgreSQL has several codes for
 * that, which have other meanings too; the file of its source that reports the error tells them apart.
 */
function nameRefusedSetting(error: unknown): unknown {
  const { file } = (error ?? {}) as { file?: unknown };
  if (typeof file !== 'string' || !/^guc[a-z_]*\.c$/.test(file)) return error;
  // A replica refuses the parameter that would let the transaction write.
  const code = codeOfForeignError(error) === '0A000' ? readOnly : settingRefused;
  return Object.assign(new Error('The server refuses a parameter of the session.'), { code });
}

/** Replaces the parameters of statements by quoted values. */
function fill(statements: string, values: readonly (string | number | null)[]): string {
  return statements.replaceAll(/\$(\d+)/g, (_, position: string) => {
    const value = values[Number(position) - 1];
    if (value === undefined) throw new TypeError(`Parameter $${position} has no value.`);
    return quote(value);
  });
}

function quote(value: string | number | null): string {
  if (typeof value !== 'string') return String(value ?? 'NULL');
  const stored = toStored(value);
  // `pg` looks at each character by itself. A text without the two characters that it escapes only needs the quotes.
  return /['\\]/.test(stored) ? escapeLiteral(stored) : `'${stored}'`;
}
