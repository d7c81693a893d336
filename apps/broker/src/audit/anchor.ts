import { z } from 'zod';
import type { AuditKey } from './audit-key.ts';
import type { ChainHead } from './verify-chain.ts';

/** The ends of all chains at one moment. It is kept outside the database, and finds out later whether a tail was removed. */
export interface Anchor {
  /** When the anchor was written. ISO 8601, UTC. */
  readonly at: string;
  readonly keyId: string;
  /** The number of writers. */
  readonly writers: number;
  readonly heads: readonly ChainHead[];
  /** The number of decisions that are in no chain. */
  readonly unchained: number;
  readonly signature: string;
}

const anchorSchema = z.strictObject({
  at: z.string(),
  keyId: z.string(),
  writers: z.int().min(0),
  heads: z.array(z.strictObject({ writer: z.string(), sequence: z.int().min(0), mac: z.string() })),
  unchained: z.int().min(0),
  signature: z.string(),
});

interface AnchorParts {
  readonly key: AuditKey;
  readonly nowMs: number;
  readonly writers: number;
  readonly heads: readonly ChainHead[];
  readonly unchained: number;
}

const sign = ({ mac }: AuditKey, { at, writers, heads, unchained }: Omit<Anchor, 'signature' | 'keyId'>): string =>
  mac(
    'anchor',
    at,
    writers,
    heads.map(({ writer, sequence, mac: end }) => [writer, sequence, end]),
    unchained,
  );

export function createAnchor({ key, nowMs, ...parts }: AnchorParts): Anchor {
  const at = new Date(nowMs).toISOString();
  return { at, keyId: key.id, ...parts, signature: sign(key, { at, ...parts }) };
}

/** Parses the text of a file. Returns undefined if it is no anchor. */
export function parseAnchor(text: string): Anchor | undefined {
  try {
    return anchorSchema.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}

/** Returns a problem if none of the keys signed the anchor. */
export function anchorProblem(anchor: Anchor, keys: readonly AuditKey[]): string[] {
  const key = keys.find(({ id }) => id === anchor.keyId);
  return key !== undefined && sign(key, anchor) === anchor.signature
    ? []
    : ['The anchor was changed, or its key is neither audit.key nor one of audit.formerKeys.'];
}
