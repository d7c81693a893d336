import { randomUUID } from 'node:crypto';
import { systemClock } from '@valetkey/core-types';
import { createDecisionStore } from './decision-store.ts';
import { createSqlChanges, incrementCounter, insertChange } from './sql-changes.ts';
import { createSqlLists } from './sql-lists.ts';
import type { SqlDatabase } from './sql-database.ts';
import type { Store, StoredIssuer, VendorUserKey } from './store.ts';
import { isoAt, optionalTextOf, targetOf, textOf, toStored, toTarget, type Row, type Values } from './rows.ts';

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
  block: `INSERT INTO blocked_user (issuer, subject, reason, actor, at) VALUES ($1, $2, $4, $5, $6)
    ON CONFLICT (issuer, subject) DO UPDATE SET reason = excluded.reason, actor = excluded.actor, at = excluded.at`,
  unblock: 'DELETE FROM blocked_user WHERE issuer = $1 AND subject = $2 RETURNING issuer',
  incrementCounter,
  // Each `$` is the place of its value among the values of the operations that use the statement.
  insertPrincipalChange: insertChange({ issuer: '$1', subject: '$2', session: "''", at: '$3' }),
  insertUserChange: insertChange({ issuer: '$2', subject: '$3', session: "''", at: '$5' }),
  deleteMarks: 'DELETE FROM created_vendor_user WHERE issuer = $1 AND subject = $2',
  deleteReservations: 'DELETE FROM vendor_user_reservation WHERE issuer = $1 AND subject = $2',
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
  // Inserts no row, but fails if the audit cannot be written.
  recordNothing: `INSERT INTO decision (at, request_id, operation, vendor, issuer, subject, outcome)
    SELECT '', '', '', '', '', '', '' WHERE 1 = 0`,
} as const;

/**
 * Creates a store over a SQL database. A statement is a transaction of its own, unless a vendor user and its mark change
 * together.
 */
export function createSqlStore({ query, queryInTurn, insertRows, close }: SqlDatabase): Store {
  const run: Run = (name, values) => query(statements[name], values);
  const runInTurn = (key: readonly string[], names: readonly (keyof typeof statements)[], values: Values) =>
    queryInTurn(
      // Brokers of an earlier version lock the same key.
      JSON.stringify(key.map(toStored)),
      names.map((name) => statements[name]),
      values,
    );
  const change: Change = (names, key, vendorUserId) =>
    runInTurn(valuesOf(key), names, [...valuesOf(key), vendorUserId, nowText()]);

  return {
    ...createVendorUserStore(run, change),
    ...createSqlLists(query),
    isBlocked: async ({ issuer, subject }) => (await run('isBlocked', [issuer, subject])).length > 0,
    ...createSqlChanges({ query, queryInTurn }),
    blockUser: async ({ issuer, subject }, { reason = null, actor = null, at = null } = {}) => {
      await runInTurn(
        [issuer, subject],
        ['block', ...noteOfPrincipal],
        [issuer, subject, nowText(), reason, actor, at],
      );
    },
    unblockUser: async ({ issuer, subject }) => {
      const rows = await runInTurn([issuer, subject], ['unblock', ...noteOfPrincipal], [issuer, subject, nowText()]);
      return rows.length > 0;
    },
    deleteTraces: async ({ issuer, subject }) => {
      await run('deleteMarks', [issuer, subject]);
      await run('deleteReservations', [issuer, subject]);
    },
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
    ...createDecisionStore({ query, queryInTurn, insertRows }),
    check: async () => {
      // Only an actual write detects a full disk. This reservation is for no principal and has expired already.
      await run('reserve', ['', '', '', randomUUID(), '', '']);
      await run('recordNothing');
    },
    close,
  };
}

type Run = (name: keyof typeof statements, values?: Values) => Promise<readonly Row[]>;

// The counter comes last, so that its row, for which every change waits, is locked as briefly as possible.
const noteOfPrincipal = ['incrementCounter', 'insertPrincipalChange'] as const;
const noteOfUser = ['incrementCounter', 'insertUserChange'] as const;
const nowText = () => isoAt(systemClock.nowMs());

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
      await change(['unmarkCreated', 'set', ...noteOfUser], key, vendorUserId);
    },
    forgetVendorUser: async (key, vendorUserId) =>
      (await change(['forget', 'unmarkRemoved', ...noteOfUser], key, vendorUserId)).length > 0,
    removeVendorUser: async (key, vendorUserId) =>
      (await change(['remove', 'unmarkRemoved', ...noteOfUser], key, vendorUserId)).length > 0,
    reserveVendorUser: async (key, { owner, nowMs, expiresAtMs }) => {
      const rows = await run('reserve', [...valuesOf(key), owner, isoAt(expiresAtMs), isoAt(nowMs)]);
      return rows.length > 0;
    },
    releaseVendorUser: async (key, owner) => {
      await run('release', [...valuesOf(key), owner]);
    },
  };
}
