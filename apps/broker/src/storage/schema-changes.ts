/** A table as a change of the schema creates it. */
interface TableDefinition {
  /** The type of each column, by name. */
  readonly columns: Readonly<Record<string, string>>;
  /** The columns of the primary key, unless a column's own type says that it is the key. */
  readonly key?: readonly string[];
}

/**
 * One change of the schema. Brokers of two versions may share one database, so a change only adds. An added column may be null,
 * because a broker of an earlier version writes rows without it.
 */
export interface SchemaChange {
  readonly tables?: Readonly<Record<string, TableDefinition>>;
  /** The types of the columns that are added to tables of earlier changes. */
  readonly columns?: Readonly<Record<string, Readonly<Record<string, string>>>>;
  /** The table and the columns of each added index, and which rows it has, by the name of the index. */
  readonly indexes?: Readonly<Record<string, string>>;
}

/** The type of an ascending key, which each database writes in its own way. */
export const rowNumber = 'ROW NUMBER';

const text = 'TEXT NOT NULL';
const number = 'BIGINT NOT NULL';
const principal = { issuer: text, subject: text };
const vendorUser = { vendor: text, ...principal, vendor_user_id: text };

const first: SchemaChange = {
  tables: {
    vendor_user: { columns: vendorUser, key: ['issuer', 'subject', 'vendor'] },
    created_vendor_user: { columns: vendorUser, key: ['issuer', 'subject', 'vendor', 'vendor_user_id'] },
    vendor_user_reservation: {
      columns: { vendor: text, ...principal, owner: text, expires_at: text },
      key: ['issuer', 'subject', 'vendor'],
    },
    blocked_user: { columns: principal, key: ['issuer', 'subject'] },
    decision: {
      columns: {
        id: rowNumber,
        at: text,
        request_id: text,
        operation: text,
        vendor: text,
        ...principal,
        vendor_user_id: 'TEXT',
        outcome: text,
      },
    },
  },
  indexes: { decision_at: 'decision (at)' },
};

/** Why a request was refused, who blocked a principal, and the indexes of the questions about decisions. */
const reasonsAndActors: SchemaChange = {
  columns: {
    decision: {
      reason: 'TEXT',
      method: 'TEXT',
      path: 'TEXT',
      vendor_status: 'INTEGER',
      duration_ms: 'INTEGER',
      actor: 'TEXT',
    },
    blocked_user: { reason: 'TEXT', actor: 'TEXT', at: 'TEXT' },
  },
  indexes: {
    decision_principal: 'decision (subject, issuer, at, id)',
    decision_vendor_user: 'decision (vendor_user_id, at, id)',
    decision_request: 'decision (request_id)',
  },
};

/** The chain of the audit, what other brokers must learn, revocations, and the version itself. */
const chainAndRevocations: SchemaChange = {
  tables: {
    schema_version: { columns: { version: 'INTEGER PRIMARY KEY' } },
    audit_writer: { columns: { number: 'BIGINT PRIMARY KEY', writer: text, key_id: text, at: text, mac: text } },
    audit_checkpoint: {
      columns: { writer: 'TEXT PRIMARY KEY', sequence: number, mac: text, at: text, signature: text },
    },
    change_counter: { columns: { id: 'INTEGER PRIMARY KEY', value: number } },
    change: { columns: { number: 'BIGINT PRIMARY KEY', at: text, ...principal, session: text } },
    revocation: {
      columns: { ...principal, session: text, issued_until: number, expires_at: text },
      key: ['issuer', 'subject', 'session'],
    },
    used_logout_token: {
      columns: { issuer: text, token_id: text, expires_at: text },
      key: ['issuer', 'token_id'],
    },
  },
  columns: {
    decision: {
      client_address: 'TEXT',
      policy_version: 'TEXT',
      token_fingerprint: 'TEXT',
      observed: 'TEXT',
      times: 'BIGINT',
      last_at: 'TEXT',
      times_mac: 'TEXT',
      writer: 'TEXT',
      sequence: 'BIGINT',
      mac: 'TEXT',
      salt: 'TEXT',
      personal_digest: 'TEXT',
      erasure: 'TEXT',
    },
  },
  indexes: { decision_writer: 'decision (writer, sequence)' },
};

/** The DPoP proofs that callers have used. */
const usedProofs: SchemaChange = {
  tables: { used_proof: { columns: { proof_id: 'TEXT PRIMARY KEY', expires_at: text } } },
};

/** The principals that have used the proofs. */
const callersOfProofs: SchemaChange = {
  columns: { used_proof: { caller_id: 'TEXT' } },
  indexes: { used_proof_caller: 'used_proof (caller_id, expires_at)' },
};

/** The name of the connection that a row of `decision` is about: what follows the last colon of its column `vendor`. */
export const connectionOfRow = "substr(vendor, length(rtrim(vendor, replace(vendor, ':', ''))) + 1)";

/** The issuer of a row, in an index that no database uses to search all decisions of an issuer for those of a principal. */
export const issuerOfRow = "(issuer || '')";

/** The indexes without which a list whose filter matches little, and the search for expired rows, would read a whole table. */
const listsAndExpiry: SchemaChange = {
  indexes: {
    decision_issuer: `decision (${issuerOfRow}, at, id)`,
    decision_connection: `decision (${connectionOfRow}, at, id)`,
    decision_operation: 'decision (operation, at, id)',
    // Almost every decision is allowed. The indexes of refusals cost nothing when such a decision is written.
    decision_refusal: "decision (outcome, at, id) WHERE outcome <> 'allowed'",
    decision_reason: 'decision (reason, at, id) WHERE reason IS NOT NULL',
    vendor_user_vendor: 'vendor_user (vendor, issuer, subject)',
    revocation_expiry: 'revocation (expires_at)',
    used_logout_token_expiry: 'used_logout_token (expires_at)',
    used_proof_expiry: 'used_proof (expires_at)',
  },
};

/** The traces in which decisions were made. */
const tracesOfDecisions: SchemaChange = { columns: { decision: { trace_id: 'TEXT' } } };

/** Every change of the schema, in order: the first one has the version 1. A released change is never edited; the next is added. */
export const schemaChanges: readonly SchemaChange[] = [
  first,
  reasonsAndActors,
  chainAndRevocations,
  usedProofs,
  callersOfProofs,
  listsAndExpiry,
  tracesOfDecisions,
];

/** The version of the schema that this program creates. */
export const schemaVersion = schemaChanges.length;
