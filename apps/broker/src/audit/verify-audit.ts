import type { AuditCheckpoint, AuditStore, AuditWriter, UnchainedDecisions } from '../storage/audit-store.ts';
import type { AuditKey } from './audit-key.ts';
import { anchorProblem, createAnchor, type Anchor } from './anchor.ts';
import { verifyChain, type ChainHead, type VerifiedChain } from './verify-chain.ts';

/** The result of a verification. */
export interface AuditReport {
  /** One sentence for each decision, writer or checkpoint that is not as the broker left it. Empty: nothing was found. */
  readonly problems: readonly string[];
  readonly writers: number;
  /** The number of decisions that are in a chain. */
  readonly decisions: number;
  /** How many of them have no personal fields, because a person was forgotten. */
  readonly erased: number;
  /** The number of decisions that are in no chain. */
  readonly unchained: number;
  /** The present end of every chain. A later verification with it finds out whether a tail was removed. */
  readonly anchor: Anchor;
}

type VerifiedStore = Pick<
  AuditStore,
  'listWriters' | 'listChains' | 'readChain' | 'listCheckpoints' | 'countUnchained'
>;

interface VerifyOptions {
  readonly store: VerifiedStore;
  /** The present key first, then the former ones. */
  readonly keys: readonly [AuditKey, ...AuditKey[]];
  readonly nowMs: number;
  /** The result of an earlier verification. */
  readonly anchor?: Anchor | undefined;
  /** Decisions of no chain are no problem if they are from before this moment (ISO 8601, UTC). */
  readonly unchainedUntil?: string | undefined;
}

/**
 * Verifies every chain of the audit, and the chain of the writers. It finds decisions that were changed, inserted or removed,
 * and writers that are missing. Without an anchor it cannot find out that the last decisions of a writer, or the last writers,
 * were removed.
 */
export async function verifyAudit(options: VerifyOptions): Promise<AuditReport> {
  const { store, keys, nowMs, anchor, unchainedUntil } = options;
  const writers = await store.listWriters();
  const problems = findWriterProblems(writers, keys);
  if (anchor !== undefined) problems.push(...anchorProblem(anchor, keys));
  const heads: ChainHead[] = [];
  let decisions = 0;
  let erased = 0;
  for (const writer of writers) {
    const key = keys.find(({ id }) => id === writer.keyId);
    if (key === undefined) continue;
    const anchored = anchor?.heads.find((head) => head.writer === writer.writer);
    const verified = await verifyAgainstRetention(store, { key, writer, anchored });
    problems.push(...verified.problems);
    decisions += verified.decisions;
    erased += verified.erased;
    heads.push(verified.head);
  }
  problems.push(...findUnknownWriters(await store.listChains(), writers));
  problems.push(...findMissingWriters(anchor, writers));
  const unchained = await store.countUnchained();
  problems.push(...findUnchainedProblems(unchained, anchor, unchainedUntil));
  return {
    problems,
    writers: writers.length,
    decisions,
    erased,
    unchained: unchained.rows,
    anchor: createAnchor({ key: keys[0], nowMs, writers: writers.length, heads, unchained: unchained.rows }),
  };
}

/** Verifies a chain. A broker may delete old decisions meanwhile, so a chain with a problem and a new checkpoint is read again. */
async function verifyAgainstRetention(
  store: VerifiedStore,
  chain: { readonly key: AuditKey; readonly writer: AuditWriter; readonly anchored: ChainHead | undefined },
): Promise<VerifiedChain> {
  const { key, writer, anchored } = chain;
  const findCheckpoint = async (): Promise<AuditCheckpoint | undefined> =>
    (await store.listCheckpoints()).find((checkpoint) => checkpoint.writer === writer.writer);
  for (let checkpoint = await findCheckpoint(); ;) {
    const verified = await verifyChain({ store, key, writer, checkpoint, place: anchored?.sequence });
    const lost = anchored === undefined ? [] : findLostTail(verified, anchored, writer, checkpoint);
    const problems = [...verified.problems, ...lost];
    if (problems.length === 0) return verified;
    const later = await findCheckpoint();
    if (later?.sequence === checkpoint?.sequence) return { ...verified, problems };
    checkpoint = later;
  }
}

function findLostTail(
  { head, placeMac }: VerifiedChain,
  anchored: ChainHead,
  { number }: AuditWriter,
  checkpoint: AuditCheckpoint | undefined,
): string[] {
  const { sequence, mac } = anchored;
  if (head.sequence < sequence) {
    return [
      `Writer ${number}: the decisions ${head.sequence + 1} to ${sequence}, which the anchor knows, were removed.`,
    ];
  }
  const found = checkpoint?.sequence === sequence ? checkpoint.mac : placeMac;
  const isDeleted = sequence === 0 || (checkpoint !== undefined && sequence < checkpoint.sequence);
  return isDeleted || found === mac
    ? []
    : [`Writer ${number}: decision ${sequence} is not the one that the anchor knows.`];
}

/** Verifies the chain of the writers. */
function findWriterProblems(writers: readonly AuditWriter[], keys: readonly AuditKey[]): string[] {
  const problems: string[] = [];
  let previous: AuditWriter | undefined;
  for (const writer of writers) {
    const { number, keyId, at, mac } = writer;
    const expected = (previous?.number ?? 0) + 1;
    const key = keys.find(({ id }) => id === keyId);
    if (number !== expected) problems.push(`The writers ${expected} to ${number - 1} are missing.`);
    else if (key === undefined) {
      problems.push(`Writer ${number} used the key ${keyId}, which is neither audit.key nor one of audit.formerKeys.`);
    } else if (mac !== key.mac('writer', previous?.mac ?? null, number, writer.writer, keyId, at)) {
      problems.push(`Writer ${number} was changed or inserted.`);
    }
    previous = writer;
  }
  return problems;
}

function findUnknownWriters(chains: readonly string[], writers: readonly AuditWriter[]): string[] {
  const known = new Set(writers.map(({ writer }) => writer));
  const unknown = chains.filter((writer) => !known.has(writer)).length;
  return unknown === 0
    ? []
    : [
        `${unknown} ${unknown === 1 ? 'chain has' : 'chains have'} no writer: the writer is missing, or the decisions were inserted.`,
      ];
}

function findMissingWriters(anchor: Anchor | undefined, writers: readonly AuditWriter[]): string[] {
  const { number = 0 } = writers.at(-1) ?? {};
  if (anchor === undefined || anchor.writers <= number) return [];
  return [`The writers ${number + 1} to ${anchor.writers}, which the anchor knows, were removed.`];
}

function findUnchainedProblems(
  { rows, rowsAfterChain, lastAt = '' }: UnchainedDecisions,
  anchor: Anchor | undefined,
  unchainedUntil = '',
): string[] {
  if (rowsAfterChain > 0 && lastAt >= unchainedUntil) {
    const subject = rowsAfterChain === 1 ? '1 decision is' : `${rowsAfterChain} decisions are`;
    return [
      `${subject} in no chain, although they were written after the first chain began. A broker without audit.key wrote them, or they were inserted.`,
    ];
  }
  if (anchor === undefined || rows <= anchor.unchained) return [];
  return [`${rows - anchor.unchained} decisions in no chain were added after the anchor was written.`];
}
