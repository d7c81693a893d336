import { codeOfForeignError, ValetKeyError } from '@valetkey/core-types';
import type { Row, Values } from './rows.ts';
import { describeStoreFailure } from './store-failure.ts';

/**
 * The operations that the store requires of a SQL database. They store texts as `toStored` returns them, and reject as
 * {@link toStoreError} says.
 */
export interface SqlDatabase {
  /** Runs one statement, commits it, and returns its rows. The parameters are `$1`, `$2` and so on. */
  readonly query: (statement: string, values?: Values) => Promise<readonly Row[]>;
  /** Runs statements in one transaction and returns their rows. Transactions with the same `key` run one after the other. */
  readonly queryInTurn: (key: string, statements: readonly string[], values: Values) => Promise<readonly Row[]>;
  /** Inserts rows `into` a table and its columns, in one transaction. Returns the ids of the rows in their order. */
  readonly insertRows: (into: string, rows: readonly Values[]) => Promise<readonly Row[]>;
  readonly close: () => Promise<void>;
}

/** Returns the error with which a store rejects. It has the database's code, and drops the database's message. */
export function toStoreError(error: unknown): ValetKeyError {
  const reason = reasonOf(error);
  const { detail, advice } = describeStoreFailure(reason);
  return new ValetKeyError('overloaded', 'The broker cannot use its database.', {
    retryAfterSeconds: 5,
    reason,
    remediation: 'Call again later; the operator must repair the database.',
    advice: `${detail} ${advice}`,
  });
}

/** Returns SQLite's result code, PostgreSQL's SQLSTATE, or the system's error code. None of them quotes a value. */
function reasonOf(error: unknown): string {
  const { errcode } = (error ?? {}) as { errcode?: unknown };
  if (typeof errcode === 'number') return `sqlite_${errcode}`;
  return codeOfForeignError(error) ?? (error instanceof Error ? codeOfDriverError(error) : 'no_answer');
}

/** What an error of `pg` itself, which has only a message, says about the server. */
const driverErrors: readonly (readonly [string, string])[] = [
  ['SASL: ', '28P01'],
  ['The server does not support SSL connections', 'TLS_UNSUPPORTED'],
  ['There was an error establishing an SSL connection', 'NOT_POSTGRES'],
  ['received invalid response', 'NOT_POSTGRES'],
  ['Connection terminated unexpectedly', 'CLOSED'],
];

function codeOfDriverError({ message }: Error): string {
  return driverErrors.find(([begin]) => message.startsWith(begin))?.[1] ?? 'no_answer';
}
