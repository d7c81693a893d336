import { randomUUID } from 'node:crypto';
import { ValetKeyError } from '@valetkey/core-types';
import type { Decision, Store, VendorUserKey } from './store.ts';

type Row = Readonly<Record<string, unknown>>;

/** A database that speaks SQL, as far as the store needs one. */
export interface SqlDatabase {
  /** Runs one statement, commits it, and answers its rows. Its parameters are `$1`, `$2` and so on. */
  readonly query: (statement: string, values: readonly (string | number | null)[]) => Promise<readonly Row[]>;
  readonly close: () => Promise<void>;
}

/**
 * Makes the tables where they are missing. `rowNumber` is how this database writes a key that counts up by itself.
 *
 * Brokers of two versions may share one database, so a later version adds to the schema and changes nothing in it.
 */
export const sqlSchema = (rowNumber: string): string => `
  CREATE TABLE IF NOT EXISTS vendor_user (
    vendor TEXT NOT NULL,
    issuer TEXT NOT NULL,
    subject TEXT NOT NULL,
    vendor_user_id TEXT NOT NULL,
    PRIMARY KEY (issuer, subject, vendor)
  );
  CREATE TABLE IF NOT EXISTS vendor_user_reservation (
    vendor TEXT NOT NULL,
    issuer TEXT NOT NULL,
    subject TEXT NOT NULL,
    owner TEXT NOT NULL,
    expires_at TEXT NOT NULL,
    PRIMARY KEY (issuer, subject, vendor)
  );
  CREATE TABLE IF NOT EXISTS blocked_user (
    issuer TEXT NOT NULL,
    subject TEXT NOT NULL,
    PRIMARY KEY (issuer, subject)
  );
  CREATE TABLE IF NOT EXISTS decision (
    id ${rowNumber},
    at TEXT NOT NULL,
    request_id TEXT NOT NULL,
    operation TEXT NOT NULL,
    vendor TEXT NOT NULL,
    issuer TEXT NOT NULL,
    subject TEXT NOT NULL,
    vendor_user_id TEXT,
    outcome TEXT NOT NULL
  );
  CREATE INDEX IF NOT EXISTS decision_at ON decision (at);
`;

const ofPerson = 'vendor = $1 AND issuer = $2 AND subject = $3';

const statements = {
  find: `SELECT vendor_user_id FROM vendor_user WHERE ${ofPerson}`,
  list: 'SELECT vendor, vendor_user_id FROM vendor_user WHERE issuer = $1 AND subject = $2',
  // The update changes nothing: it is how the row that was there first is answered.
  add: `INSERT INTO vendor_user (vendor, issuer, subject, vendor_user_id) VALUES ($1, $2, $3, $4)
    ON CONFLICT (vendor, issuer, subject) DO UPDATE SET vendor_user_id = vendor_user.vendor_user_id
    RETURNING vendor_user_id`,
  set: `INSERT INTO vendor_user (vendor, issuer, subject, vendor_user_id) VALUES ($1, $2, $3, $4)
    ON CONFLICT (vendor, issuer, subject) DO UPDATE SET vendor_user_id = excluded.vendor_user_id`,
  remove: `DELETE FROM vendor_user WHERE ${ofPerson} AND vendor_user_id = $4 RETURNING vendor`,
  reserve: `INSERT INTO vendor_user_reservation (vendor, issuer, subject, owner, expires_at) VALUES ($1, $2, $3, $4, $5)
    ON CONFLICT (vendor, issuer, subject) DO UPDATE SET owner = excluded.owner, expires_at = excluded.expires_at
    WHERE vendor_user_reservation.expires_at <= $6
    RETURNING owner`,
  release: `DELETE FROM vendor_user_reservation WHERE ${ofPerson} AND owner = $4`,
  isBlocked: 'SELECT issuer FROM blocked_user WHERE issuer = $1 AND subject = $2',
  block: 'INSERT INTO blocked_user (issuer, subject) VALUES ($1, $2) ON CONFLICT (issuer, subject) DO NOTHING',
  unblock: 'DELETE FROM blocked_user WHERE issuer = $1 AND subject = $2 RETURNING issuer',
  record: `INSERT INTO decision (at, request_id, operation, vendor, issuer, subject, vendor_user_id, outcome)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
  // No row, and yet refused where the audit may not be written.
  recordNothing: `INSERT INTO decision (at, request_id, operation, vendor, issuer, subject, outcome)
    SELECT '', '', '', '', '', '', '' WHERE 1 = 0`,
  newest: `SELECT at, request_id, operation, vendor, issuer, subject, vendor_user_id, outcome
    FROM decision ORDER BY id DESC LIMIT $1`,
  // A thousand and no more: whoever else writes is not kept waiting.
  forget: 'DELETE FROM decision WHERE id IN (SELECT id FROM decision WHERE at < $1 LIMIT 1000) RETURNING id',
} as const;

/**
 * The store over any SQL database. Each operation is one statement, which commits by itself. What the database refuses
 * becomes `overloaded`, with its code as `reason`: its texts may quote values.
 */
export function createSqlStore({ query, close }: SqlDatabase): Store {
  const run = async (name: keyof typeof statements, values: readonly (string | number | null)[] = []) => {
    const stored = values.map((value) => (typeof value === 'string' ? toStored(value) : value));
    try {
      return await query(statements[name], stored);
    } catch (error) {
      throw new ValetKeyError('overloaded', 'The broker cannot use its database.', {
        retryAfterSeconds: 5,
        reason: reasonOf(error),
        remediation: 'Call again later; the operator has to see to the database.',
        advice: 'Check `store`, and that the database is there and lets the broker write.',
      });
    }
  };
  const valuesOf = ({ vendor, issuer, subject }: VendorUserKey) => [vendor, issuer, subject];

  return {
    findVendorUser: async (key) => {
      const [row] = await run('find', valuesOf(key));
      return row && textOf(row, 'vendor_user_id');
    },
    listVendorUsers: async ({ issuer, subject }) => {
      const rows = await run('list', [issuer, subject]);
      return new Map(rows.map((row) => [textOf(row, 'vendor'), textOf(row, 'vendor_user_id')]));
    },
    addVendorUser: async (key, vendorUserId) => {
      const [row = {}] = await run('add', [...valuesOf(key), vendorUserId]);
      return textOf(row, 'vendor_user_id');
    },
    setVendorUser: async (key, vendorUserId) => {
      await run('set', [...valuesOf(key), vendorUserId]);
    },
    removeVendorUser: async (key, vendorUserId) => (await run('remove', [...valuesOf(key), vendorUserId])).length > 0,
    reserveVendorUser: async (key, { owner, nowMs, expiresAtMs }) => {
      const rows = await run('reserve', [...valuesOf(key), owner, isoAt(expiresAtMs), isoAt(nowMs)]);
      return rows.length > 0;
    },
    releaseVendorUser: async (key, owner) => {
      await run('release', [...valuesOf(key), owner]);
    },
    isBlocked: async ({ issuer, subject }) => (await run('isBlocked', [issuer, subject])).length > 0,
    blockUser: async ({ issuer, subject }) => {
      await run('block', [issuer, subject]);
    },
    unblockUser: async ({ issuer, subject }) => (await run('unblock', [issuer, subject])).length > 0,
    recordDecision: async ({ at, requestId, operation, vendor, issuer, subject, vendorUserId, outcome }) => {
      await run('record', [at, requestId, operation, vendor, issuer, subject, vendorUserId ?? null, outcome]);
    },
    listDecisions: async (limit) => (await run('newest', [limit])).map(toDecision),
    forgetDecisions: async (beforeMs) => (await run('forget', [isoAt(beforeMs)])).length,
    check: async () => {
      // A reservation of nobody, over at once: only a true write tells of a full disk.
      await run('reserve', ['', '', '', randomUUID(), '', '']);
      await run('recordNothing');
    },
    close,
  };
}

const isoAt = (ms: number) => new Date(ms).toISOString();

// PostgreSQL takes no U+0000, and neither database takes half a surrogate pair: they are kept as JSON escapes, so that no
// two people become one.
const toStored = (text: string) => JSON.stringify(text).slice(1, -1);
const fromStored = (text: string) => JSON.parse(`"${text}"`) as string;

const textOf = (row: Row, column: string) => fromStored(row[column] as string);

function toDecision(row: Row): Decision {
  return {
    at: textOf(row, 'at'),
    requestId: textOf(row, 'request_id'),
    operation: textOf(row, 'operation') as Decision['operation'],
    vendor: textOf(row, 'vendor'),
    issuer: textOf(row, 'issuer'),
    subject: textOf(row, 'subject'),
    vendorUserId: row['vendor_user_id'] === null ? undefined : textOf(row, 'vendor_user_id'),
    outcome: textOf(row, 'outcome'),
  };
}

/** SQLite's result code, PostgreSQL's SQLSTATE, or the system's: none of them quotes a value. */
function reasonOf(error: unknown): string {
  const { code, errcode } = (error ?? {}) as { code?: unknown; errcode?: unknown };
  if (typeof errcode === 'number') return `sqlite_${errcode}`;
  return typeof code === 'string' ? code : 'no_answer';
}
