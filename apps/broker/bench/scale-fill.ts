import { DatabaseSync } from 'node:sqlite';
import { Client } from 'pg';
import { createIndexes, indexes } from '../src/storage/sql-schema.ts';

/** How much a store holds. */
export interface Size {
  readonly users: number;
  /** The number of the last decision. */
  readonly decisions: number;
  /** Only the newest of them, and those of {@link knownPrincipal}. */
  readonly newest?: number | undefined;
}

/** How a database writes what the two name differently. */
interface Dialect {
  /** A decimal number with leading zeros. */
  readonly digits: (number: string, length: number) => string;
  /** Random text. */
  readonly noise: (length: number) => string;
  readonly moment: (milliseconds: string) => string;
  readonly numbers: (from: number, to: number) => string;
}

const sqlite: Dialect = {
  digits: (number, length) => `printf('%0${length}d', ${number})`,
  noise: (length) => `substr(hex(randomblob(${Math.ceil(length / 2)})), 1, ${length})`,
  moment: (milliseconds) => `strftime('%Y-%m-%dT%H:%M:%fZ', (${milliseconds}) / 1000.0, 'unixepoch')`,
  numbers: (from, to) =>
    `(WITH RECURSIVE numbers(n) AS (SELECT ${from} UNION ALL SELECT n + 1 FROM numbers WHERE n < ${to}) SELECT n FROM numbers)`,
};

const postgres: Dialect = {
  digits: (number, length) => `lpad((${number})::text, ${length}, '0')`,
  noise: (length) => `substr(md5(random()::text) || md5(random()::text), 1, ${length})`,
  moment: (milliseconds) =>
    `to_char(to_timestamp((${milliseconds}) / 1000.0) AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`,
  numbers: (from, to) => `(SELECT n::bigint FROM generate_series(${from}, ${to}) AS n) AS numbers`,
};

const issuer = 'https://id.example.com/realms/main';
const writers = 20;
const spanMs = 90 * 86_400_000;
/** Spreads the numbers, so that neighbours in time are no neighbours in an index. */
const scatter = (number: string) => `((${number}) * 2654435761) % 4294967296`;

/** The principal that has one in a hundred thousand decisions of a store with ten million. */
export const knownPrincipal = { issuer, subject: 'auth0|000000000000000000000000' };
export const knownVendorUser = '7c1e4d1f-0000-4000-8000-000000000000';
const knownDecisions = 100;
/** The principal that has one in two hundred decisions of the large store. */
export const busyPrincipal = { issuer, subject: 'auth0|000000000000002654435761' };
/** Request ids are ordered by their time. */
const requestIdOf = (digits: Dialect['digits']) => `${digits('n', 10)} || '-0000-7000-8000-' || ${digits('n', 12)}`;

/** The id of the request of decision `n`. */
export const requestId = (n: number): string =>
  `${String(n).padStart(10, '0')}-0000-7000-8000-${String(n).padStart(12, '0')}`;

/** Returns the statement that writes decisions. One in ten is refused, and the last moment is `endMs`. */
function fillDecisions({ digits, noise, moment, numbers }: Dialect, { users, decisions, newest }: Size, endMs: number) {
  const every = Math.max(1, Math.floor(decisions / knownDecisions));
  const user = `CASE WHEN n % ${every} = 0 THEN 0 WHEN n % 200 = 7 THEN 1 ELSE 1 + (n * 7919) % ${users} END`;
  const isRefused = 'n % 10 = 3';
  const chainLength = Math.ceil(decisions / writers);
  const columns = {
    at: moment(`${endMs - spanMs} + n * ${spanMs} / ${decisions}`),
    request_id: requestIdOf(digits),
    operation: `CASE WHEN n % 4 = 1 THEN 'proxy' ELSE 'issue' END`,
    vendor: `CASE n % 5 WHEN 0 THEN 'nabla' WHEN 1 THEN 'vital:vital-eu' ELSE 'vital' END`,
    issuer: `'${issuer}'`,
    subject: `'auth0|' || ${digits(scatter('u'), 24)}`,
    vendor_user_id: `CASE WHEN ${isRefused} THEN NULL ELSE '7c1e4d1f-0000-4000-8000-' || ${digits(scatter('u'), 12)} END`,
    outcome: `CASE WHEN ${isRefused} THEN 'forbidden' ELSE 'allowed' END`,
    reason: `CASE WHEN ${isRefused} THEN CASE WHEN n % 20 = 3 THEN 'requiredScopes: rooms' ELSE 'policy.rules.0' END END`,
    duration_ms: 'n % 300',
    client_address: `'192.0.2.' || n % 256`,
    policy_version: `'p7Jb1Zk0aQ4x'`,
    token_fingerprint: noise(22),
    writer: `'writer-' || ${digits(`(n - 1) / ${chainLength}`, 9)}`,
    sequence: `(n - 1) % ${chainLength} + 1`,
    mac: noise(43),
    salt: noise(16),
    personal_digest: noise(43),
  };
  const only = newest === undefined ? '' : `WHERE n > ${decisions - newest} OR n % ${every} = 0`;
  return `INSERT INTO decision (${Object.keys(columns).join(', ')})
    SELECT ${Object.values(columns).join(', ')}
    FROM (SELECT n, ${user} AS u FROM ${numbers(1, decisions)} ${only}) AS counted ORDER BY n`;
}

function fillUsers({ digits, numbers }: Dialect, { users }: Size): readonly string[] {
  const row = `'vital', '${issuer}', 'auth0|' || ${digits(scatter('n'), 24)}, '7c1e4d1f-0000-4000-8000-' || ${digits(scatter('n'), 12)}`;
  return ['vendor_user', 'created_vendor_user'].map(
    (table) =>
      `INSERT INTO ${table} (vendor, issuer, subject, vendor_user_id) SELECT ${row} FROM ${numbers(0, users)} WHERE 1 = 1 ORDER BY 3
       ON CONFLICT DO NOTHING`,
  );
}

/** The subject of the user `n`. */
export const subjectOf = (n: number): string => `auth0|${String((n * 2654435761) % 4294967296).padStart(24, '0')}`;

const listWriters = (dialect: Dialect) =>
  `INSERT INTO audit_writer (number, writer, key_id, at, mac)
   SELECT n + 1, 'writer-' || ${dialect.digits('n', 9)}, 'key', '2026-01-01T00:00:00.000Z', 'mac' FROM ${dialect.numbers(0, writers - 1)}`;

const dropIndexes = Object.keys(indexes).map((name) => `DROP INDEX IF EXISTS ${name}`);

/** Fills a SQLite file that has the tables. */
export function fillSqlite(path: string, size: Size, endMs: number): void {
  const database = new DatabaseSync(path);
  database.exec('PRAGMA journal_mode = MEMORY; PRAGMA synchronous = OFF; PRAGMA cache_size = -1000000');
  for (const statement of dropIndexes) database.exec(statement);
  for (const statement of [...fillUsers(sqlite, size), listWriters(sqlite)]) database.exec(statement);
  database.exec(fillDecisions(sqlite, size, endMs));
  for (const statement of createIndexes) database.exec(statement);
  database.exec('PRAGMA journal_mode = WAL');
  database.close();
}

/** Fills a PostgreSQL schema that has the tables. */
export async function fillPostgres(url: string, size: Size, endMs: number): Promise<void> {
  const client = new Client({ connectionString: url });
  await client.connect();
  await client.query(`SET maintenance_work_mem = '1GB'; SET synchronous_commit = off; SET work_mem = '256MB'`);
  for (const statement of dropIndexes) await client.query(statement);
  for (const statement of [...fillUsers(postgres, size), listWriters(postgres)]) await client.query(statement);
  await client.query(fillDecisions(postgres, size, endMs));
  for (const statement of createIndexes) await client.query(statement);
  // What the server's own maintenance does sooner or later.
  for (const table of ['decision', 'vendor_user', 'created_vendor_user']) await client.query(`VACUUM ANALYZE ${table}`);
  await client.end();
}
