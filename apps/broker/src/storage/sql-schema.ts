/** The tables of the chain of the audit. */
const auditTables = `
  CREATE TABLE IF NOT EXISTS audit_writer (
    number BIGINT PRIMARY KEY,
    writer TEXT NOT NULL,
    key_id TEXT NOT NULL,
    at TEXT NOT NULL,
    mac TEXT NOT NULL
  );
  CREATE TABLE IF NOT EXISTS audit_checkpoint (
    writer TEXT PRIMARY KEY,
    sequence BIGINT NOT NULL,
    mac TEXT NOT NULL,
    at TEXT NOT NULL,
    signature TEXT NOT NULL
  );
`;

/** The tables by which brokers learn what other brokers changed, and of the logouts of identity providers. */
const changeTables = `
  CREATE TABLE IF NOT EXISTS change_counter (
    id INTEGER PRIMARY KEY,
    value BIGINT NOT NULL
  );
  CREATE TABLE IF NOT EXISTS change (
    number BIGINT PRIMARY KEY,
    at TEXT NOT NULL,
    issuer TEXT NOT NULL,
    subject TEXT NOT NULL,
    session TEXT NOT NULL
  );
  CREATE TABLE IF NOT EXISTS revocation (
    issuer TEXT NOT NULL,
    subject TEXT NOT NULL,
    session TEXT NOT NULL,
    issued_until BIGINT NOT NULL,
    expires_at TEXT NOT NULL,
    PRIMARY KEY (issuer, subject, session)
  );
  CREATE TABLE IF NOT EXISTS used_logout_token (
    issuer TEXT NOT NULL,
    token_id TEXT NOT NULL,
    expires_at TEXT NOT NULL,
    PRIMARY KEY (issuer, token_id)
  );
`;

/**
 * Returns the statements that create the missing tables. `rowNumber` is the database's column type for an ascending key.
 *
 * Brokers of two versions may share one database, so a later version only adds to the schema. Each column `vendor` holds
 * a connection and its vendor: `toTarget` of `stored-text.ts`. A row of `vendor_user` without vendor and subject is no vendor
 * user: it remembers which claims are the subject of the issuer's principals.
 */
export const sqlSchema = (rowNumber: string): string => userSchema() + auditSchema(rowNumber);

/** Returns the statements that create the tables about users. */
const userSchema = (): string => `
  CREATE TABLE IF NOT EXISTS vendor_user (
    vendor TEXT NOT NULL,
    issuer TEXT NOT NULL,
    subject TEXT NOT NULL,
    vendor_user_id TEXT NOT NULL,
    PRIMARY KEY (issuer, subject, vendor)
  );
  CREATE TABLE IF NOT EXISTS created_vendor_user (
    vendor TEXT NOT NULL,
    issuer TEXT NOT NULL,
    subject TEXT NOT NULL,
    vendor_user_id TEXT NOT NULL,
    PRIMARY KEY (issuer, subject, vendor, vendor_user_id)
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
    ${writeLaterColumns('blocked_user')},
    PRIMARY KEY (issuer, subject)
  );
`;

/** Returns the statements that create the missing tables of the audit and of the changes that other brokers must learn. */
const auditSchema = (rowNumber: string): string => `
  CREATE TABLE IF NOT EXISTS decision (
    id ${rowNumber},
    at TEXT NOT NULL,
    request_id TEXT NOT NULL,
    operation TEXT NOT NULL,
    vendor TEXT NOT NULL,
    issuer TEXT NOT NULL,
    subject TEXT NOT NULL,
    vendor_user_id TEXT,
    outcome TEXT NOT NULL,
    ${writeLaterColumns('decision')}
  );
  ${auditTables}
  ${changeTables}
`;

/**
 * The columns that the first version of a table lacked. Each of them may be null, because a broker of an earlier version writes
 * rows without them.
 */
export const laterColumns = [
  { table: 'decision', name: 'reason', type: 'TEXT' },
  { table: 'decision', name: 'method', type: 'TEXT' },
  { table: 'decision', name: 'path', type: 'TEXT' },
  { table: 'decision', name: 'vendor_status', type: 'INTEGER' },
  { table: 'decision', name: 'duration_ms', type: 'INTEGER' },
  { table: 'decision', name: 'actor', type: 'TEXT' },
  { table: 'decision', name: 'client_address', type: 'TEXT' },
  { table: 'decision', name: 'policy_version', type: 'TEXT' },
  { table: 'decision', name: 'token_fingerprint', type: 'TEXT' },
  { table: 'decision', name: 'observed', type: 'TEXT' },
  { table: 'decision', name: 'times', type: 'BIGINT' },
  { table: 'decision', name: 'last_at', type: 'TEXT' },
  { table: 'decision', name: 'times_mac', type: 'TEXT' },
  { table: 'decision', name: 'writer', type: 'TEXT' },
  { table: 'decision', name: 'sequence', type: 'BIGINT' },
  { table: 'decision', name: 'mac', type: 'TEXT' },
  { table: 'decision', name: 'salt', type: 'TEXT' },
  { table: 'decision', name: 'personal_digest', type: 'TEXT' },
  { table: 'decision', name: 'erasure', type: 'TEXT' },
  { table: 'blocked_user', name: 'reason', type: 'TEXT' },
  { table: 'blocked_user', name: 'actor', type: 'TEXT' },
  { table: 'blocked_user', name: 'at', type: 'TEXT' },
] as const;

function writeLaterColumns(of: string): string {
  return laterColumns
    .filter(({ table }) => table === of)
    .map(({ name, type }) => `${name} ${type}`)
    .join(', ');
}

/**
 * The indexes, by name. Each ends with the order in which decisions are listed, so that a page is read from the index
 * without sorting. The broker works without them: they only make the lists fast.
 */
export const indexes = {
  decision_at: 'decision (at)',
  decision_principal: 'decision (subject, issuer, at, id)',
  decision_vendor_user: 'decision (vendor_user_id, at, id)',
  decision_request: 'decision (request_id)',
  decision_writer: 'decision (writer, sequence)',
} as const;

/** The statements that create the missing indexes. While one of them runs, no decision can be written. */
export const createIndexes = Object.entries(indexes).map(
  ([name, columns]) => `CREATE INDEX IF NOT EXISTS ${name} ON ${columns}`,
);

/** Statements that fail if a table or a column is missing, and that return no row. */
export const schemaProbe = `
  SELECT vendor, issuer, subject, vendor_user_id FROM vendor_user WHERE 1 = 0;
  SELECT vendor, issuer, subject, vendor_user_id FROM created_vendor_user WHERE 1 = 0;
  SELECT vendor, issuer, subject, owner, expires_at FROM vendor_user_reservation WHERE 1 = 0;
  SELECT issuer, subject, reason, actor, at FROM blocked_user WHERE 1 = 0;
  SELECT id, at, request_id, operation, vendor, issuer, subject, vendor_user_id, outcome, reason, method, path,
    vendor_status, duration_ms, actor, client_address, policy_version, token_fingerprint, observed, times, last_at, times_mac,
    writer, sequence, mac, salt, personal_digest, erasure FROM decision WHERE 1 = 0;
  SELECT number, writer, key_id, at, mac FROM audit_writer WHERE 1 = 0;
  SELECT writer, sequence, mac, at, signature FROM audit_checkpoint WHERE 1 = 0;
  SELECT id, value FROM change_counter WHERE 1 = 0;
  SELECT number, at, issuer, subject, session FROM change WHERE 1 = 0;
  SELECT issuer, subject, session, issued_until, expires_at FROM revocation WHERE 1 = 0;
  SELECT issuer, token_id, expires_at FROM used_logout_token WHERE 1 = 0
`;
