import type { AuditStore, ChainedRow, Decision, DecisionColumns, LinkedDecision } from './audit-store.ts';
import type { VendorUserKey } from './store.ts';

/** A row as the database returns it. */
export type Row = Readonly<Record<string, unknown>>;

/** The values of a statement or of a row. */
export type Values = readonly (string | number | null)[];

type Target = Pick<VendorUserKey, 'connection' | 'vendor'>;
type PossibleTarget = { readonly [Part in keyof Target]?: string | undefined };

/**
 * Returns the text that stands for a connection: `vital`, or `vital:vital-eu` where its name is not its vendor's id. Rows
 * therefore stay with the vendor that they are about when the operator gives the name another vendor. The text is empty for
 * a decision that concerns no single connection.
 */
export function toTarget({ connection = '', vendor = connection }: PossibleTarget): string {
  return vendor === connection ? connection : `${vendor}:${connection}`;
}

/** Returns the connection and the vendor that a row is about. */
export function targetOf(row: Row): Target {
  const target = textOf(row, 'vendor');
  const end = target.lastIndexOf(':');
  return { connection: target.slice(end + 1), vendor: end < 0 ? target : target.slice(0, end) };
}

/**
 * Returns a value as it is stored. PostgreSQL does not accept U+0000, and neither database accepts half a surrogate pair. Both
 * are stored as JSON escapes, so that two different texts are never stored as the same text.
 */
export const toStored = <Value>(value: Value) =>
  typeof value === 'string' && mayNeedEscape.test(value) ? JSON.stringify(value).slice(1, -1) : value;

/** Matches every text that JSON writes with an escape. It also matches whole surrogate pairs, which JSON writes as they are. */
// oxlint-disable-next-line no-control-regex
const mayNeedEscape = /["\\\u0000-\u001f\ud800-\udfff]/;

const fromStored = (text: string) => (mayNeedEscape.test(text) ? (JSON.parse(`"${text}"`) as string) : text);

export const textOf = (row: Row, column: string) => fromStored(row[column] as string);

export const optionalTextOf = (row: Row, column: string) => (row[column] === null ? undefined : textOf(row, column));

export const isoAt = (ms: number) => new Date(ms).toISOString();

/** The columns that hold a decision itself, with the value that each has for a decision. */
const columns = {
  at: ({ at }) => at,
  request_id: ({ requestId }) => requestId,
  operation: ({ operation }) => operation,
  vendor: toTarget,
  issuer: ({ issuer }) => issuer,
  subject: ({ subject }) => subject,
  vendor_user_id: ({ vendorUserId }) => vendorUserId,
  outcome: ({ outcome }) => outcome,
  reason: ({ reason }) => reason,
  method: ({ method }) => method,
  path: ({ path }) => path,
  vendor_status: ({ vendorStatus }) => vendorStatus,
  duration_ms: ({ durationMs }) => durationMs,
  actor: ({ actor }) => actor,
  client_address: ({ clientAddress }) => clientAddress,
  policy_version: ({ policyVersion }) => policyVersion,
  token_fingerprint: ({ tokenFingerprint }) => tokenFingerprint,
  observed: ({ observed }) => observed,
  trace_id: ({ traceId }) => traceId,
} as const satisfies Record<string, (decision: Decision) => string | number | undefined>;

const linkColumns = {
  writer: ({ link }) => link?.writer,
  sequence: ({ link }) => link?.sequence,
  mac: ({ link }) => link?.mac,
  salt: ({ link }) => link?.salt,
  personal_digest: ({ link }) => link?.personalDigest,
} as const satisfies Record<string, (decision: LinkedDecision) => string | number | null | undefined>;

/** The names of the columns that `toValues` fills, in its order. */
const writtenColumns = [...Object.keys(columns), ...Object.keys(linkColumns)];

/** The names of the columns that {@link toDecision} reads. */
export const readColumns = [...Object.keys(columns), 'times', 'last_at'];

/** The names of the columns that {@link toChainedRow} reads. */
export const chainColumns = [...writtenColumns, 'times', 'last_at', 'times_mac', 'erasure'];

const readWritten = [...Object.values(columns), ...Object.values(linkColumns)];
const readColumn = Object.entries(columns);

/** Returns the values of a new row. */
function toValues(decision: LinkedDecision): Values {
  return readWritten.map((read) => read(decision) ?? null);
}

/** Returns the values of the columns that hold the decision itself. */
export function toColumns(decision: Decision): DecisionColumns {
  const values: Record<string, string | number | null> = {};
  for (const [name, read] of readColumn) values[name] = read(decision) ?? null;
  return values;
}

/** Inserts rows into columns of a table, in one transaction. Returns the ids of the rows in their order. */
type InsertRows = (into: string, rows: readonly Values[]) => Promise<readonly Row[]>;

/** Creates the operation that records decisions. */
export function createRecordDecisions(insertRows: InsertRows): AuditStore['recordDecisions'] {
  const into = `decision (${writtenColumns.join(', ')})`;
  return async (decisions) => (await insertRows(into, decisions.map(toValues))).map(({ id }) => Number(id));
}

export function toDecision(row: Row): Decision {
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
    vendorStatus: optionalNumberOf(row, 'vendor_status'),
    durationMs: optionalNumberOf(row, 'duration_ms'),
    actor: optionalTextOf(row, 'actor'),
    clientAddress: optionalTextOf(row, 'client_address'),
    policyVersion: optionalTextOf(row, 'policy_version'),
    tokenFingerprint: optionalTextOf(row, 'token_fingerprint'),
    observed: optionalTextOf(row, 'observed'),
    traceId: optionalTextOf(row, 'trace_id'),
    times: optionalNumberOf(row, 'times'),
    lastAt: optionalTextOf(row, 'last_at'),
  };
}

export function toChainedRow(row: Row): ChainedRow {
  const valueOf = (name: string) => (typeof row[name] === 'string' ? textOf(row, name) : (row[name] as number | null));
  return {
    id: Number(row['id']),
    columns: Object.fromEntries(Object.keys(columns).map((name) => [name, valueOf(name)])),
    link: {
      writer: textOf(row, 'writer'),
      sequence: Number(row['sequence']),
      mac: optionalTextOf(row, 'mac') ?? '',
      salt: optionalTextOf(row, 'salt') ?? null,
      personalDigest: optionalTextOf(row, 'personal_digest') ?? '',
    },
    times: optionalNumberOf(row, 'times') ?? null,
    lastAt: optionalTextOf(row, 'last_at') ?? null,
    timesMac: optionalTextOf(row, 'times_mac') ?? null,
    erasure: optionalTextOf(row, 'erasure') ?? null,
  };
}

/** PostgreSQL returns a BIGINT as text. */
const optionalNumberOf = (row: Row, column: string) => (row[column] === null ? undefined : Number(row[column]));
