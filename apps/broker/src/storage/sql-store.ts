import { randomUUID } from 'node:crypto';
import { codeOfForeignError, ValetKeyError } from '@valetkey/core-types';
import { createSqlLists } from './sql-lists.ts';
import { describeStoreFailure } from './store-failure.ts';
import { selectDecisions } from './select-decisions.ts';
import type { Decision, Store, StoredIssuer, VendorUserKey } from './store.ts';

type Row = Readonly<Record<string, unknown>>;

/** The operations that the store requires of a SQL database. */
export interface SqlDatabase {
  /** Runs one statement, commits it, and returns its rows. The parameters are `$1`, `$2` and so on. */
  readonly query: (statement: string, values: readonly (string | number | null)[]) => Promise<readonly Row[]>;
  /** Runs statements in one transaction and returns their rows. Transactions with the same `key` run one after the other. */
  readonly queryInTurn: (
    key: string,
    statements: readonly string[],
    values: readonly (string | number | null)[],
  ) => Promise<readonly Row[]>;
  readonly close: () => Promise<void>;
}

const isKey = 'vendor = $1 AND issuer = $2 AND subject = $3';

/** Begins a statement with the issuers of a table, each found by one look into the index: a table may have millions of rows. */
function listEach(table: string): string {
  return `WITH RECURSIVE known(issuer) AS (
    SELECT MIN(issuer) FROM ${table}
    UNION ALL
    SELECT (SELECT MIN(later.issuer) FROM ${table} AS later WHERE later.issuer > known.issuer)
    FROM known WHERE known.issuer IS NOT NULL
  )`;
}

const statements = {
  find: `SELECT vendor_user_id FROM vendor_user WHERE ${isKey}`,
  list: 'SELECT vendor, vendor_user_id FROM vendor_user WHERE issuer = $1 AND subject = $2',
  // The update changes nothing. Without it, a statement that conflicts would return no row.
  add: `INSERT INTO vendor_user (vendor, issuer, subject, vendor_user_id) VALUES ($1, $2, $3, $4)
    ON CONFLICT (vendor, issuer, subject) DO UPDATE SET vendor_user_id = vendor_user.vendor_user_id
    RETURNING vendor_user_id`,
  set: `INSERT INTO vendor_user (vendor, issuer, subject, vendor_user_id) VALUES ($1, $2, $3, $4)
    ON CONFLICT (vendor, issuer, subject) DO UPDATE SET vendor_user_id = excluded.vendor_user_id`,
  // Marks nothing while a vendor user is stored: it may be one that the operator chose.
  markCreated: `INSERT INTO created_vendor_user (vendor, issuer, subject, vendor_user_id) SELECT $1, $2, $3, $4
    WHERE NOT EXISTS (SELECT 1 FROM vendor_user WHERE ${isKey})
    ON CONFLICT (issuer, subject, vendor, vendor_user_id) DO NOTHING`,
  forget: `DELETE FROM vendor_user WHERE ${isKey} AND vendor_user_id = $4
    AND EXISTS (SELECT 1 FROM created_vendor_user WHERE ${isKey} AND vendor_user_id = $4) RETURNING vendor`,
  unmarkCreated: `DELETE FROM created_vendor_user WHERE ${isKey} AND vendor_user_id = $4`,
  // Keeps the mark of a vendor user that is stored: it was not removed.
  unmarkRemoved: `DELETE FROM created_vendor_user WHERE ${isKey} AND vendor_user_id = $4
    AND NOT EXISTS (SELECT 1 FROM vendor_user WHERE ${isKey} AND vendor_user_id = $4)`,
  remove: `DELETE FROM vendor_user WHERE ${isKey} AND vendor_user_id = $4 RETURNING vendor`,
  reserve: `INSERT INTO vendor_user_reservation (vendor, issuer, subject, owner, expires_at) VALUES ($1, $2, $3, $4, $5)
    ON CONFLICT (vendor, issuer, subject) DO UPDATE SET owner = excluded.owner, expires_at = excluded.expires_at
    WHERE vendor_user_reservation.expires_at <= $6
    RETURNING owner`,
  release: `DELETE FROM vendor_user_reservation WHERE ${isKey} AND owner = $4`,
  isBlocked: 'SELECT issuer FROM blocked_user WHERE issuer = $1 AND subject = $2',
  block: `INSERT INTO blocked_user (issuer, subject, reason, actor, at) VALUES ($1, $2, $3, $4, $5)
    ON CONFLICT (issuer, subject) DO UPDATE SET reason = excluded.reason, actor = excluded.actor, at = excluded.at`,
  unblock: 'DELETE FROM blocked_user WHERE issuer = $1 AND subject = $2 RETURNING issuer',
  issuersOfUsers: `${listEach('vendor_user')}
    SELECT issuer,
      (SELECT vendor_user_id FROM vendor_user AS rule
        WHERE rule.issuer = known.issuer AND rule.subject = '' AND rule.vendor = '') AS subject_claims,
      (SELECT MIN(subject) FROM vendor_user AS stored
        WHERE stored.issuer = known.issuer AND stored.subject <> '') AS some_subject
    FROM known WHERE issuer IS NOT NULL`,
  issuersOfBlocks: `${listEach('blocked_user')} SELECT issuer FROM known WHERE issuer IS NOT NULL`,
  // The rule of an issuer is the row without vendor and subject, which no principal can have.
  setRule: `INSERT INTO vendor_user (vendor, issuer, subject, vendor_user_id) VALUES ('', $1, '', $2)
    ON CONFLICT (vendor, issuer, subject) DO UPDATE SET vendor_user_id = excluded.vendor_user_id
    WHERE vendor_user.vendor_user_id = $3`,
  record: `INSERT INTO decision (at, request_id, operation, vendor, issuer, subject, vendor_user_id, outcome,
    reason, method, path, vendor_status, duration_ms, actor, observed)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)`,
  // Inserts no row, but fails if the audit cannot be written.
  recordNothing: `INSERT INTO decision (at, request_id, operation, vendor, issuer, subject, outcome)
    SELECT '', '', '', '', '', '', '' WHERE 1 = 0`,
  // Deletes at most a thousand rows, so that other writers do not wait long.
  deleteOld: 'DELETE FROM decision WHERE id IN (SELECT id FROM decision WHERE at < $1 LIMIT 1000) RETURNING id',
} as const;

/**
 * Creates a store over a SQL database. A statement is a transaction of its own, unless a vendor user and its mark change
 * together. A failure of the database becomes `overloaded` with the database's code as `reason`. The database's message is
 * dropped, because it may quote values.
 */
export function createSqlStore({ query, queryInTurn, close }: SqlDatabase): Store {
  const runStatement: RunStatement = async (statement, values) => {
    try {
      return await query(statement, values.map(toStored));
    } catch (error) {
      throw toStoreError(error);
    }
  };
  const run: Run = (name, values = []) => runStatement(statements[name], values);
  const change: Change = async (names, key, vendorUserId) => {
    const stored = [...valuesOf(key), vendorUserId].map(toStored);
    try {
      return await queryInTurn(
        JSON.stringify(stored.slice(0, -1)),
        names.map((name) => statements[name]),
        stored,
      );
    } catch (error) {
      throw toStoreError(error);
    }
  };

  return {
    ...createVendorUserStore(run, change),
    ...createSqlLists({ query: runStatement, toTarget, targetOf, textOf, optionalTextOf }),
    isBlocked: async ({ issuer, subject }) => (await run('isBlocked', [issuer, subject])).length > 0,
    blockUser: async ({ issuer, subject }, { reason = null, actor = null, at = null } = {}) => {
      await run('block', [issuer, subject, reason, actor, at]);
    },
    unblockUser: async ({ issuer, subject }) => (await run('unblock', [issuer, subject])).length > 0,
    listIssuers: async () => {
      const users = (await run('issuersOfUsers')).map((row): StoredIssuer => ({
        issuer: textOf(row, 'issuer'),
        subjectClaims: optionalTextOf(row, 'subject_claims'),
        hasUsers: row['some_subject'] !== null,
      }));
      const blocked = (await run('issuersOfBlocks')).map((row) => textOf(row, 'issuer'));
      const known = new Set(users.map(({ issuer }) => issuer));
      return [
        ...users.map((one) => (blocked.includes(one.issuer) ? { ...one, hasUsers: true } : one)),
        ...blocked.filter((issuer) => !known.has(issuer)).map((issuer) => ({ issuer, hasUsers: true })),
      ];
    },
    setSubjectRule: async ({ issuer, subjectClaims }, previous = '') => {
      await run('setRule', [issuer, subjectClaims, previous]);
    },
    ...createDecisionStore(run, runStatement),
    check: async () => {
      // Only an actual write detects a full disk. This reservation is for no principal and has expired already.
      await run('reserve', ['', '', '', randomUUID(), '', '']);
      await run('recordNothing');
    },
    close,
  };
}

type RunStatement = (statement: string, values: readonly (string | number | null)[]) => Promise<readonly Row[]>;
type Run = (name: keyof typeof statements, values?: readonly (string | number | null)[]) => Promise<readonly Row[]>;

/** Runs statements about one vendor user in one transaction. Such transactions about one key run one after the other. */
type Change = (
  names: readonly (keyof typeof statements)[],
  key: VendorUserKey,
  vendorUserId: string,
) => Promise<readonly Row[]>;

const valuesOf = (key: VendorUserKey) => [toTarget(key), key.issuer, key.subject];

/** Creates the operations about vendor users. */
function createVendorUserStore(
  run: Run,
  change: Change,
): Pick<Store, Extract<keyof Store, `${string}VendorUser` | `${string}VendorUsers`>> {
  return {
    findVendorUser: async (key) => {
      const [row] = await run('find', valuesOf(key));
      return row && textOf(row, 'vendor_user_id');
    },
    listVendorUsers: async ({ issuer, subject }) => {
      const rows = await run('list', [issuer, subject]);
      return rows.map((row) => ({ ...targetOf(row), vendorUserId: textOf(row, 'vendor_user_id') }));
    },
    addVendorUser: async (key, vendorUserId) => {
      const [row = {}] = await change(['markCreated', 'add'], key, vendorUserId);
      return textOf(row, 'vendor_user_id');
    },
    setVendorUser: async (key, vendorUserId) => {
      await change(['unmarkCreated', 'set'], key, vendorUserId);
    },
    forgetVendorUser: async (key, vendorUserId) =>
      (await change(['forget', 'unmarkRemoved'], key, vendorUserId)).length > 0,
    removeVendorUser: async (key, vendorUserId) =>
      (await change(['remove', 'unmarkRemoved'], key, vendorUserId)).length > 0,
    reserveVendorUser: async (key, { owner, nowMs, expiresAtMs }) => {
      const rows = await run('reserve', [...valuesOf(key), owner, isoAt(expiresAtMs), isoAt(nowMs)]);
      return rows.length > 0;
    },
    releaseVendorUser: async (key, owner) => {
      await run('release', [...valuesOf(key), owner]);
    },
  };
}

/** Creates the operations about decisions. */
function createDecisionStore(
  run: Run,
  runStatement: RunStatement,
): Pick<Store, 'recordDecision' | 'listDecisions' | 'deleteDecisions'> {
  return {
    recordDecision: async (decision) => {
      const { at, requestId, operation, issuer, subject, vendorUserId, outcome } = decision;
      const { reason, method, path, vendorStatus, durationMs, actor, observed } = decision;
      const known = [at, requestId, operation, toTarget(decision), issuer, subject, vendorUserId, outcome];
      const details = [reason, method, path, vendorStatus, durationMs, actor, observed];
      await run(
        'record',
        [...known, ...details].map((value) => value ?? null),
      );
    },
    listDecisions: async (page) => {
      const { statement, values } = selectDecisions(page);
      const rows = await runStatement(statement, values);
      const decisions = rows.slice(0, page.limit).map(toDecision);
      const last = rows.length > page.limit ? rows[page.limit - 1] : undefined;
      return { decisions, next: last && { at: textOf(last, 'at'), id: Number(last['id']) } };
    },
    deleteDecisions: async (beforeMs) => (await run('deleteOld', [isoAt(beforeMs)])).length,
  };
}

type Target = Pick<Decision, 'connection' | 'vendor'>;

/**
 * Returns the text that stands for a connection: `vital`, or `vital:vital-eu` where its name is not its vendor's id. Rows
 * therefore stay with the vendor that they are about when the operator gives the name another vendor. The text is empty for
 * a decision that concerns no single connection.
 */
function toTarget({ connection = '', vendor = connection }: Target): string {
  return vendor === connection ? connection : `${vendor}:${connection}`;
}

/** Returns the connection and the vendor that a row is about. */
function targetOf(row: Row): Pick<VendorUserKey, 'connection' | 'vendor'> {
  const target = textOf(row, 'vendor');
  const end = target.lastIndexOf(':');
  return { connection: target.slice(end + 1), vendor: end < 0 ? target : target.slice(0, end) };
}

const isoAt = (ms: number) => new Date(ms).toISOString();

// PostgreSQL does not accept U+0000, and neither database accepts half a surrogate pair. Both are stored as JSON escapes,
// so that two different texts are never stored as the same text.
const toStored = <Value>(value: Value) => (typeof value === 'string' ? JSON.stringify(value).slice(1, -1) : value);
const fromStored = (text: string) => JSON.parse(`"${text}"`) as string;

const textOf = (row: Row, column: string) => fromStored(row[column] as string);
const optionalTextOf = (row: Row, column: string) => (row[column] === null ? undefined : textOf(row, column));

function toDecision(row: Row): Decision {
  const outcome = textOf(row, 'outcome');
  return {
    at: textOf(row, 'at'),
    requestId: textOf(row, 'request_id'),
    operation: textOf(row, 'operation') as Decision['operation'],
    // No connection had the name that this caller gave, so the text is that name and says nothing about a vendor.
    ...(outcome === 'unknown_vendor' ? { connection: textOf(row, 'vendor') } : row['vendor'] !== '' && targetOf(row)),
    issuer: textOf(row, 'issuer'),
    subject: textOf(row, 'subject'),
    vendorUserId: optionalTextOf(row, 'vendor_user_id'),
    outcome,
    reason: optionalTextOf(row, 'reason'),
    method: optionalTextOf(row, 'method'),
    path: optionalTextOf(row, 'path'),
    vendorStatus: (row['vendor_status'] as number | null) ?? undefined,
    durationMs: (row['duration_ms'] as number | null) ?? undefined,
    actor: optionalTextOf(row, 'actor'),
    observed: optionalTextOf(row, 'observed'),
  };
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
