import type { Clock } from '@valetkey/core-types';
import { LRUCache } from 'lru-cache';
import { principalKey } from '../identity/identify.ts';
import type { AuditStore, Decision } from '../storage/audit-store.ts';
import type { AuditKey } from './audit-key.ts';

/** How long equal refusals share one row, in milliseconds. */
const windowMs = 60_000;
/** The most rows about the refusals of one principal in this time. The last of them counts refusals of every further kind. */
const maxRows = 60;
/** The most principals whose refusals are counted at the same time. */
const maxPrincipals = 2_000;
/** How often the counts are stored, in milliseconds. */
const storeMs = 1_000;

/** The reason of the row that counts refusals of different kinds. */
export const otherRefusals = 'other_refusals';

/** A decision that is committed. */
export interface WrittenDecision {
  /** The number of its row. */
  readonly id: number;
  /** Its keyed hash. Absent if the audit has no key. */
  readonly mac: string | undefined;
}

/** Resolves after a decision is committed. Rejects with the error of the store. */
export type WriteDecision = (decision: Decision) => Promise<WrittenDecision>;

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
  /** Writes a decision that has a row of its own. */
  readonly write: WriteDecision;
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

export function createRefusals({ write, store, clock, key, onFailure }: RefusalsDependencies): Refusals {
  /** The windows of each principal, in the order of their ends. */
  const principals = new LRUCache<string, Map<string, Window>>({ max: maxPrincipals });
  const { change, close } = createCounter({ store, key, onFailure });

  return {
    write: async (decision) => {
      const nowMs = clock.monotonicMs();
      const principal = principalKey(decision);
      const windows = principals.get(principal) ?? new Map<string, Window>();
      principals.set(principal, windows);
      for (const [name, { endsAtMs }] of windows) {
        if (endsAtMs <= nowMs) windows.delete(name);
      }
      const { operation, connection, outcome, reason, at } = decision;
      const equal = JSON.stringify([operation, connection, outcome, reason]);
      const name = windows.has(equal) || windows.size < maxRows - 1 ? equal : otherRefusals;
      const window = windows.get(name);
      if (window !== undefined) {
        // While the first refusal cannot be committed, no equal one is either.
        await window.row;
        window.times += 1;
        window.lastAt = at;
        change(window);
        return 'counted';
      }
      const row = write(name === equal ? decision : { ...decision, reason: otherRefusals });
      windows.set(name, { row, endsAtMs: nowMs + windowMs, times: 1, lastAt: at });
      try {
        await row;
        return 'written';
      } catch (error) {
        windows.delete(name);
        throw error;
      }
    },
    close,
  };
}

/** Creates what stores the counts of windows, some time after they change. */
function createCounter({ store, key, onFailure }: Pick<RefusalsDependencies, 'store' | 'key' | 'onFailure'>) {
  const changed = new Set<Window>();
  let timer: NodeJS.Timeout | undefined;
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
    change: (window: Window): void => {
      changed.add(window);
      storeSoon();
    },
    close: async (): Promise<void> => {
      clearTimeout(timer);
      if (changed.size > 0) await storeCounts();
    },
  };
}
