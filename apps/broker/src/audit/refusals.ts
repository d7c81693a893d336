import type { Clock } from '@valetkey/core-types';
import type { AuditStore, Decision } from '../storage/audit-store.ts';
import type { AuditKey } from './audit-key.ts';
import type { DecisionWriter, WrittenDecision } from './decision-writer.ts';

/** How long equal refusals share one row, in milliseconds. */
const windowMs = 60_000;
/** The most rows about the refusals of one principal in this time. The last of them counts refusals of every further kind. */
const maxRows = 60;
/** The most rows that are counted at the same time. */
const maxWindows = 50_000;
/** How often the counts are stored, in milliseconds. */
const storeMs = 1_000;

/** The reason of the row that counts refusals of different kinds. */
export const otherRefusals = 'other_refusals';

/** Writes refusals in such a way that a caller who is refused again and again does not fill the store. */
export interface Refusals {
  /**
   * Resolves after the refusal is committed. An equal refusal of the same principal within a minute has no row of its own:
   * it is counted in the row of the first one. Returns whether it was only counted.
   */
  readonly write: (decision: Decision) => Promise<'written' | 'counted'>;
  /** Stores the counts that are not stored yet. */
  readonly close: () => Promise<void>;
}

interface RefusalsDependencies {
  readonly writer: DecisionWriter;
  readonly store: Pick<AuditStore, 'countDecisions'>;
  readonly clock: Clock;
  /** Absent if the audit has no key. */
  readonly key?: AuditKey | undefined;
  /** Called if the counts could not be stored. They are stored later. */
  readonly onFailure?: ((error: unknown) => void) | undefined;
}

/** The row of equal refusals. */
interface Window {
  readonly row: Promise<WrittenDecision>;
  readonly endsAtMs: number;
  times: number;
  lastAt: string;
}

export function createRefusals({ writer, store, clock, key, onFailure }: RefusalsDependencies): Refusals {
  /** The windows of each principal, in the order of their ends. */
  const principals = new Map<string, Map<string, Window>>();
  const changed = new Set<Window>();
  let size = 0;
  let timer: NodeJS.Timeout | undefined;

  /** Returns the windows of a principal that have not ended. */
  const findWindows = ({ issuer, subject }: Decision, nowMs: number): Map<string, Window> => {
    const principal = JSON.stringify([issuer, subject]);
    const windows = principals.get(principal) ?? new Map<string, Window>();
    for (const [name, { endsAtMs }] of windows) {
      if (nowMs < endsAtMs) break;
      windows.delete(name);
      size -= 1;
    }
    // The principals stay in the order of their last refusals.
    principals.delete(principal);
    principals.set(principal, windows);
    for (const [other, { size: count }] of principals) {
      if (size < maxWindows) break;
      principals.delete(other);
      size -= count;
    }
    return windows;
  };

  const storeCounts = async (): Promise<void> => {
    const windows = [...changed];
    changed.clear();
    try {
      const counts = windows.map(async ({ row, times, lastAt }) => {
        const { id, mac } = await row;
        return { id, times, lastAt, mac: key?.mac('count', mac, times, lastAt) ?? null };
      });
      await store.countDecisions(await Promise.all(counts));
    } catch (error) {
      for (const window of windows) changed.add(window);
      onFailure?.(error);
    }
  };
  const storeSoon = (): void => {
    timer ??= setTimeout(async () => {
      await storeCounts();
      timer = undefined;
      if (changed.size > 0) storeSoon();
    }, storeMs).unref();
  };

  return {
    write: async (decision) => {
      const nowMs = clock.monotonicMs();
      const windows = findWindows(decision, nowMs);
      const { operation, connection, outcome, reason, at } = decision;
      const equal = JSON.stringify([operation, connection, outcome, reason]);
      const name = windows.has(equal) || windows.size < maxRows - 1 ? equal : otherRefusals;
      const window = windows.get(name);
      if (window !== undefined) {
        // While the first refusal cannot be committed, no equal one is either.
        await window.row;
        window.times += 1;
        window.lastAt = at;
        changed.add(window);
        storeSoon();
        return 'counted';
      }
      const row = writer.write(name === equal ? decision : { ...decision, reason: otherRefusals });
      windows.set(name, { row, endsAtMs: nowMs + windowMs, times: 1, lastAt: at });
      size += 1;
      try {
        await row;
        return 'written';
      } catch (error) {
        if (windows.delete(name)) size -= 1;
        throw error;
      }
    },
    close: async () => {
      clearTimeout(timer);
      if (changed.size > 0) await storeCounts();
    },
  };
}
