import { createHmac, hash } from 'node:crypto';
import type { Secret } from '@valetkey/core-types';
import type { DecisionColumns } from '../storage/audit-store.ts';

/** What a keyed hash is about. The same text has another hash for another subject. */
type MacSubject = 'key' | 'writer' | 'decision' | 'count' | 'checkpoint' | 'erasure' | 'anchor' | 'token';

/** A key of the audit. It is in no database: who can write the database can therefore not write a valid chain. */
export interface AuditKey {
  /** Names the key in the chain, and says nothing about it. */
  readonly id: string;
  /** Returns the keyed hash (HMAC with SHA-256) of some values. */
  readonly mac: (subject: MacSubject, ...values: readonly unknown[]) => string;
}

/** Creates a key from the secret of the configuration. */
export function createAuditKey(secret: string): AuditKey {
  const mac: AuditKey['mac'] = (subject, ...values) =>
    createHmac('sha256', secret)
      .update(JSON.stringify([subject, ...values]))
      .digest('base64url');
  return { id: mac('key').slice(0, 12), mac };
}

/** The fields of the configuration that hold keys. */
interface KeyFields {
  readonly audit: { readonly key?: Secret | undefined; readonly formerKeys: readonly Secret[] };
}

/** Returns the key of the configuration. Undefined if it has none. */
export function auditKeyOf({ audit: { key } }: KeyFields): AuditKey | undefined {
  return key && createAuditKey(key.reveal());
}

/** Returns the key of the configuration and the former ones. Undefined if it has none. */
export function auditKeysOf(config: KeyFields): readonly [AuditKey, ...AuditKey[]] | undefined {
  const key = auditKeyOf(config);
  return key && [key, ...config.audit.formerKeys.map((former) => createAuditKey(former.reveal()))];
}

/** The columns that are about a person. They enter the chain as one salted hash, so that they can be erased. */
const personalColumns = ['subject', 'vendor_user_id', 'client_address', 'token_fingerprint'];

/** Returns the hash of the personal fields of a decision. */
export function digestPersonal(salt: string, columns: DecisionColumns): string {
  const values: (string | number | null)[] = [salt];
  for (const name of personalColumns) values.push(columns[name] ?? null);
  return hash('sha256', JSON.stringify(values), 'base64url');
}

/** The place of a decision, before its keyed hash is known. */
export interface ChainPlace {
  readonly writer: string;
  readonly sequence: number;
  /** The keyed hash of the decision before, or of the writer. */
  readonly previous: string;
  readonly personalDigest: string;
}

/** Returns the keyed hash of a decision. Columns without a value have no part in it, so that a later version may add columns. */
export function macOf(
  key: AuditKey,
  { writer, sequence, previous, personalDigest }: ChainPlace,
  columns: DecisionColumns,
) {
  const values: [string, string | number][] = [];
  for (const name in columns) {
    const value = columns[name] ?? null;
    if (value !== null && !personalColumns.includes(name)) values.push([name, value]);
  }
  return key.mac('decision', previous, writer, sequence, personalDigest, values);
}
