import { setImmediate } from 'node:timers/promises';
import { ValetKeyError, type Clock } from '@valetkey/core-types';
import type { Logger } from 'pino';
import type { Store } from '../storage/store.ts';

const dayMs = 86_400_000;
const hourMs = 3_600_000;

interface RetentionDependencies {
  readonly store: Store;
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * Deletes decisions that are older than `keepDays`, now and every hour, until the returned function is called. Several
 * brokers may do this over one store at the same time.
 */
export function startRetention(keepDays: number, { store, clock, logger }: RetentionDependencies): () => void {
  const ended = new AbortController();
  const deleteOldDecisions = async (): Promise<void> => {
    const beforeMs = clock.nowMs() - keepDays * dayMs;
    try {
      while (!ended.signal.aborted && (await store.deleteDecisions(beforeMs)) > 0) await setImmediate();
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
