import type { Clock } from '@valetkey/core-types';
import type { Logger } from 'pino';
import type { Metrics } from './metrics.ts';

/** Reports the outages of one store: one line when it begins and one when it ends, however many calls fail meanwhile. */
export interface Outage {
  readonly isOpen: () => boolean;
  /** Counts a failure. The first one begins the outage. */
  readonly fail: (reason: string) => void;
  readonly end: () => void;
}

interface OutageOptions {
  /** The name of the store in logs and metrics. */
  readonly store: 'database' | 'redis';
  /** `error` if the broker cannot serve callers without this store. */
  readonly level: 'error' | 'warn';
  /** Explains a reason to the operator. */
  readonly explain: (reason: string) => string;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Pick<Metrics, 'countStoreFailure'>;
}

export function createOutage({ store, level, explain, clock, logger, metrics }: OutageOptions): Outage {
  let beganAtMs: number | undefined;
  let failures = 0;
  return {
    isOpen: () => beganAtMs !== undefined,
    fail: (reason) => {
      metrics.countStoreFailure(store, reason);
      failures += 1;
      if (beganAtMs !== undefined) return;
      beganAtMs = clock.monotonicMs();
      logger[level]({ store, reason, advice: explain(reason) }, 'store is unusable');
    },
    end: () => {
      if (beganAtMs === undefined) return;
      const durationMs = Math.round(clock.monotonicMs() - beganAtMs);
      logger.warn({ store, durationMs, failures }, 'store is usable again');
      beganAtMs = undefined;
      failures = 0;
    },
  };
}
