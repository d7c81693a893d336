import type { ChainedRow, Decision, DecisionColumns, LinkedDecision } from './audit-store.ts';
import { optionalTextOf, targetOf, textOf, toTarget, type Row } from './stored-text.ts';

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
} as const satisfies Record<string, (decision: Decision) => string | number | undefined>;

const linkColumns = {
  writer: ({ link }) => link?.writer,
  sequence: ({ link }) => link?.sequence,
  mac: ({ link }) => link?.mac,
  salt: ({ link }) => link?.salt,
  personal_digest: ({ link }) => link?.personalDigest,
} as const satisfies Record<string, (decision: LinkedDecision) => string | number | null | undefined>;

/** The names of the columns that `toValues` fills, in its order. */
export const writtenColumns = [...Object.keys(columns), ...Object.keys(linkColumns)];

/** The names of the columns that {@link toDecision} reads. */
export const readColumns = [...Object.keys(columns), 'times', 'last_at'];

/** The names of the columns that {@link toChainedRow} reads. */
export const chainColumns = [...writtenColumns, 'times', 'last_at', 'times_mac', 'erasure'];

/** Returns the values of a new row. */
export function toValues(decision: LinkedDecision): (string | number | null)[] {
  return [...Object.values(columns), ...Object.values(linkColumns)].map((read) => read(decision) ?? null);
}

/** Returns the values of the columns that hold the decision itself. */
export function toColumns(decision: Decision): DecisionColumns {
  return Object.fromEntries(Object.entries(columns).map(([name, read]) => [name, read(decision) ?? null]));
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
