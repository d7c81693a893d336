import { setImmediate } from 'node:timers/promises';
import { ValetKeyError, type Clock } from '@valetkey/core-types';
import type { Logger } from 'pino';
import type { AuditStore, ChainedRow } from '../storage/audit-store.ts';
import type { AuditKey } from './audit-key.ts';

const dayMs = 86_400_000;
const hourMs = 3_600_000;
/** The most decisions that one transaction deletes, so that other writers do not wait long. */
const maxDeleted = 1_000;

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
  const { store, clock, logger } = dependencies;
  const ended = new AbortController();
  const deleteOldDecisions = async (): Promise<void> => {
    const beforeMs = clock.nowMs() - keepDays * dayMs;
    try {
      while (!ended.signal.aborted && (await store.deleteDecisions(beforeMs)) > 0) await setImmediate();
      while (!ended.signal.aborted && (await cutChains(beforeMs, dependencies))) await setImmediate();
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

/**
 * Deletes the first decisions of each chain if they are from before a moment, and leaves a signed checkpoint in their place.
 * Returns whether more of them may be left.
 */
async function cutChains(beforeMs: number, { store, clock, key }: RetentionDependencies): Promise<boolean> {
  if (key === undefined) return false;
  const before = new Date(beforeMs).toISOString();
  const isKept = ({ columns }: ChainedRow) => String(columns['at']) >= before;
  let hasCut = false;
  for (const writer of await store.listChains()) {
    const [first] = await store.readChain({ writer, limit: 1 });
    if (first === undefined || isKept(first)) continue;
    const rows = await store.readChain({ writer, limit: maxDeleted });
    // A clock may have been set back, so a later decision may have an earlier time. Only a beginning can be cut off.
    const kept = rows.findIndex(isKept);
    const last = rows[(kept < 0 ? rows.length : kept) - 1];
    if (last === undefined) continue;
    const { sequence, mac } = last.link;
    const at = new Date(clock.nowMs()).toISOString();
    const signature = key.mac('checkpoint', writer, sequence, mac, at);
    await store.cutChain({ writer, sequence, mac, at, signature });
    hasCut = true;
  }
  return hasCut;
}
