import { setImmediate } from 'node:timers/promises';
import type { Clock } from '@valetkey/core-types';
import type { Logger } from 'pino';
import { toValetKeyError } from './http/problem.ts';
import type { Store } from './store.ts';

const dayMs = 86_400_000;
const hourMs = 3_600_000;

/** What a retention works with. */
export interface RetentionEffects {
  readonly store: Store;
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * Forgets the decisions of the audit that are older than `keepDays`: now, and every hour. Answers what ends it. Several
 * brokers over one store may do so at once.
 */
export function startRetention(keepDays: number, { store, clock, logger }: RetentionEffects): () => void {
  const ended = new AbortController();
  const forget = async (): Promise<void> => {
    const beforeMs = clock.nowMs() - keepDays * dayMs;
    try {
      while (!ended.signal.aborted && (await store.forgetDecisions(beforeMs)) > 0) await setImmediate();
    } catch (error) {
      logger.warn({ reason: toValetKeyError(error).reason }, 'old decisions could not be forgotten');
    }
  };
  void forget();
  const timer = setInterval(() => void forget(), hourMs).unref();
  return () => {
    ended.abort();
    clearInterval(timer);
  };
}
