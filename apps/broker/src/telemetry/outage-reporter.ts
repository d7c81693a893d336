import { codeOfForeignError, type Clock } from '@valetkey/core-types';
import type { RedisStore } from '@valetkey/token-cache/redis';
import type { Logger } from 'pino';
import type { Outage } from '../storage/served-store.ts';
import type { Metrics } from './metrics.ts';

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

/** Creates what logs each outage of one store: one line when it begins and one when it ends, however many calls fail in between. */
export function createOutageReporter({ store, level, explain, clock, logger, metrics }: OutageOptions): Outage {
  let beganAtMs: number | undefined;
  let failures = 0;
  return {
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

/** Returns the Redis store, and reports the results of `ping` to `outage`. The events of the cache report its other calls. */
export function watchPing(redis: RedisStore, outage: Outage): RedisStore {
  return {
    ...redis,
    ping: async () => {
      try {
        await redis.ping();
        outage.end();
      } catch (error) {
        outage.fail(codeOfForeignError(error) ?? 'timeout');
        throw error;
      }
    },
  };
}
