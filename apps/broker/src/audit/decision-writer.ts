import { setImmediate } from 'node:timers/promises';
import type { AuditStore, Decision, LinkedDecision } from '../storage/audit-store.ts';
import type { Chain } from './chain.ts';

/** A decision that is committed. */
export interface WrittenDecision {
  /** The number of its row. */
  readonly id: number;
  /** Its keyed hash. Absent if the audit has no key. */
  readonly mac: string | undefined;
}

/** Writes decisions. */
export interface DecisionWriter {
  /** Resolves after the decision is committed. Rejects with the error of the store. */
  readonly write: (decision: Decision) => Promise<WrittenDecision>;
}

interface DecisionWriterDependencies {
  readonly store: Pick<AuditStore, 'recordDecisions'>;
  /** Absent if the audit has no key. */
  readonly chain?: Chain | undefined;
}

interface Pending {
  readonly decision: Decision;
  readonly resolve: (written: WrittenDecision) => void;
  readonly reject: (error: unknown) => void;
}

/** The most decisions of one transaction. */
const maxBatch = 500;

/**
 * Creates the writer of decisions. The decisions of one moment are committed by one transaction, and at most one transaction
 * runs at a time: a decision waits for its own transaction, and for no more than the one before.
 */
export function createDecisionWriter({ store, chain }: DecisionWriterDependencies): DecisionWriter {
  const queue: Pending[] = [];
  let isWriting = false;

  const writeBatch = async (batch: readonly Pending[]): Promise<void> => {
    const decisions = batch.map(({ decision }) => decision);
    try {
      const linked: readonly LinkedDecision[] = chain === undefined ? decisions : await chain.link(decisions);
      const ids = await store.recordDecisions(linked);
      for (const [index, { resolve }] of batch.entries()) {
        resolve({ id: ids[index] ?? 0, mac: linked[index]?.link?.mac });
      }
    } catch (error) {
      chain?.restart();
      for (const { reject } of batch) reject(error);
    }
  };
  const writeAll = async (): Promise<void> => {
    isWriting = true;
    // The requests that arrived together are decided before this moment, so one transaction commits all their decisions.
    await setImmediate();
    while (queue.length > 0) await writeBatch(queue.splice(0, maxBatch));
    isWriting = false;
  };

  return {
    write: (decision) =>
      new Promise((resolve, reject) => {
        queue.push({ decision, resolve, reject });
        if (!isWriting) void writeAll();
      }),
  };
}
