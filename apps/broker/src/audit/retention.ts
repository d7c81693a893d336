import { ValetKeyError, type Clock } from '@valetkey/core-types';
import type { Logger } from 'pino';
import type { AuditStore, ChainedRow, ChainPart, DecisionPosition } from '../storage/audit-store.ts';
import { changeInParts } from '../storage/change-in-parts.ts';
import type { AuditKey } from './audit-key.ts';

const dayMs = 86_400_000;
const hourMs = 3_600_000;
type RetentionStore = Pick<AuditStore, 'deleteDecisions' | 'listChains' | 'listCheckpoints' | 'readChain' | 'cutChain'>;

interface RetentionDependencies {
  readonly store: RetentionStore;
  readonly clock: Clock;
  readonly logger: Logger;
  /** The key of the chains. Without it, decisions of chains are kept: nothing could prove that the broker deleted them. */
  readonly key?: AuditKey | undefined;
}

/**
 * Deletes decisions that are older than `keepDays`, now and every hour, until the returned function is called. Several
 * brokers may do this over one store at the same time.
 */
export function startRetention(keepDays: number, dependencies: RetentionDependencies): () => void {
  const { clock, logger } = dependencies;
  const ended = new AbortController();
  const deleteOldDecisions = async (): Promise<void> => {
    const beforeMs = clock.nowMs() - keepDays * dayMs;
    try {
      await cutChains(beforeMs, dependencies, ended.signal);
      await deleteUnchained(beforeMs, dependencies, ended.signal);
    } catch (error) {
      const reason = ValetKeyError.isInstance(error) ? error.reason : undefined;
      logger.warn({ reason }, 'old decisions could not be deleted');
    }
  };
  void deleteOldDecisions();
  const timer = setInterval(() => void deleteOldDecisions(), hourMs).unref();
  return () => {
    ended.abort();
    clearInterval(timer);
  };
}

/** Deletes the decisions of no chain that are from before a moment. */
async function deleteUnchained(
  beforeMs: number,
  { store, clock }: RetentionDependencies,
  signal: AbortSignal,
): Promise<void> {
  let after: DecisionPosition | undefined;
  await changeInParts({ clock, signal }, async (limit) => {
    const { next } = await store.deleteDecisions({ beforeMs, after, limit });
    after = next;
    return next !== undefined;
  });
}

/** Deletes the first decisions of each chain if they are from before a moment, and leaves a signed checkpoint in their place. */
async function cutChains(
  beforeMs: number,
  { store, clock, key }: RetentionDependencies,
  signal: AbortSignal,
): Promise<void> {
  if (key === undefined) return;
  const before = new Date(beforeMs).toISOString();
  const isKept = ({ columns }: ChainedRow) => String(columns['at']) >= before;
  for (const writer of await store.listChains()) {
    let after: ChainPart['after'];
    await changeInParts({ clock, signal }, async (limit) => {
      const rows = await store.readChain({ writer, after, limit });
      // A clock may have been set back, so a later decision may have an earlier time. Only a beginning can be cut off.
      const kept = rows.findIndex(isKept);
      const last = rows[(kept < 0 ? rows.length : kept) - 1];
      if (last === undefined) return false;
      const { sequence, mac } = last.link;
      const at = new Date(clock.nowMs()).toISOString();
      const signature = key.mac('checkpoint', writer, sequence, mac, at);
      await store.cutChain({ writer, sequence, mac, at, signature }, after?.sequence);
      after = { sequence, id: last.id };
      return kept < 0;
    });
  }
}
