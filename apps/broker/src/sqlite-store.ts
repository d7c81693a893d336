import { chmodSync, mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { Decision, Store } from './store.ts';

const schema = `
  CREATE TABLE IF NOT EXISTS vendor_user (
    vendor TEXT NOT NULL,
    issuer TEXT NOT NULL,
    subject TEXT NOT NULL,
    vendor_user_id TEXT NOT NULL,
    PRIMARY KEY (vendor, issuer, subject)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS decision (
    id INTEGER PRIMARY KEY,
    at TEXT NOT NULL,
    request_id TEXT NOT NULL,
    operation TEXT NOT NULL,
    vendor TEXT NOT NULL,
    issuer TEXT NOT NULL,
    subject TEXT NOT NULL,
    vendor_user_id TEXT,
    outcome TEXT NOT NULL
  ) STRICT;
  PRAGMA user_version = 1;
`;

interface DecisionRow {
  at: string;
  request_id: string;
  operation: Decision['operation'];
  vendor: string;
  issuer: string;
  subject: string;
  vendor_user_id: string | null;
  outcome: string;
}

const toDecision = (row: DecisionRow): Decision => ({
  at: row.at,
  requestId: row.request_id,
  operation: row.operation,
  vendor: row.vendor,
  issuer: row.issuer,
  subject: row.subject,
  vendorUserId: row.vendor_user_id ?? undefined,
  outcome: row.outcome,
});

/**
 * The store for one machine: a SQLite file, made with its folder where it is missing and readable by its owner alone.
 * Several processes may share the file. `:memory:` keeps everything in this process.
 */
export function createSqliteStore(path: string): Store {
  if (path !== ':memory:') mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const database = new DatabaseSync(path, { timeout: 5000 });
  // With a write-ahead log a commit survives the death of the process without waiting for the disk.
  database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;');
  database.exec(schema);
  if (path !== ':memory:') chmodSync(path, 0o600);

  const find = database.prepare(
    'SELECT vendor_user_id AS id FROM vendor_user WHERE vendor = ? AND issuer = ? AND subject = ?',
  );
  const list = database.prepare(
    'SELECT vendor, vendor_user_id AS id FROM vendor_user WHERE issuer = ? AND subject = ?',
  );
  const add = database.prepare('INSERT INTO vendor_user VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING');
  const set = database.prepare(
    'INSERT INTO vendor_user VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET vendor_user_id = excluded.vendor_user_id',
  );
  const remove = database.prepare(
    'DELETE FROM vendor_user WHERE vendor = ? AND issuer = ? AND subject = ? AND vendor_user_id = ?',
  );
  const record = database.prepare(
    `INSERT INTO decision (at, request_id, operation, vendor, issuer, subject, vendor_user_id, outcome)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
  );
  const newest = database.prepare('SELECT * FROM decision ORDER BY id DESC LIMIT ?');
  const probe = database.prepare('SELECT count(*) FROM sqlite_schema');

  return {
    findVendorUser: async ({ vendor, issuer, subject }) =>
      (find.get(vendor, issuer, subject) as { id: string } | undefined)?.id,
    listVendorUsers: async ({ issuer, subject }) =>
      new Map((list.all(issuer, subject) as { vendor: string; id: string }[]).map(({ vendor, id }) => [vendor, id])),
    addVendorUser: async ({ vendor, issuer, subject }, vendorUserId) => {
      add.run(vendor, issuer, subject, vendorUserId);
      return (find.get(vendor, issuer, subject) as { id: string } | undefined)?.id ?? vendorUserId;
    },
    setVendorUser: async ({ vendor, issuer, subject }, vendorUserId) => {
      set.run(vendor, issuer, subject, vendorUserId);
    },
    removeVendorUser: async ({ vendor, issuer, subject }, vendorUserId) =>
      remove.run(vendor, issuer, subject, vendorUserId).changes > 0,
    recordDecision: async (decision) => {
      const { at, requestId, operation, vendor, issuer, subject, vendorUserId, outcome } = decision;
      record.run(at, requestId, operation, vendor, issuer, subject, vendorUserId ?? null, outcome);
    },
    listDecisions: async (limit) => (newest.all(limit) as unknown as DecisionRow[]).map(toDecision),
    check: async () => {
      probe.get();
    },
    close: async () => database.close(),
  };
}
