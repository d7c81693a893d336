import { codeOfForeignError, ValetKeyError, type Clock } from '@valetkey/core-types';
import type { RedisStore } from '@valetkey/token-cache/redis';
import type { Logger } from 'pino';
import { describeStoreFailure, type StoreFailure } from '../storage/store-failure.ts';
import type { Store } from '../storage/store.ts';
import type { Metrics } from './metrics.ts';

/**
 * Logs each outage of one store: one line when the outage begins and one when it ends, however many calls fail in between.
 */
export interface OutageReporter {
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

export function createOutageReporter({ store, level, explain, clock, logger, metrics }: OutageOptions): OutageReporter {
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

type Operation = Exclude<keyof Store, 'close'>;

const reads: ReadonlySet<Operation> = new Set<Operation>([
  'findVendorUser',
  'listVendorUsers',
  'isBlocked',
  'listRevocations',
  'isSessionRevoked',
  'readChanges',
  'listBlocks',
  'listMappings',
  'listIssuers',
  'listDecisions',
  'listWriters',
  'listChains',
  'readChain',
  'listCheckpoints',
  'countUnchained',
  'listPersonal',
]);

/**
 * Returns the store, and reports its failures and its recovery to `outage`. A success ends the outage only if it proves that
 * every operation that failed works again: while a disk is full, for example, reads still succeed.
 */
export function watchStore(store: Store, outage: OutageReporter): Store {
  const failed = new Map<Operation, StoreFailure['scope']>();
  let calls = 0;
  let callsAtFailure = 0;

  const succeed = (operation: Operation, call: number): void => {
    // This call may have succeeded before the other one failed.
    if (!outage.isOpen() || call <= callsAtFailure) return;
    for (const [other, scope] of failed) {
      const isProven =
        scope === 'server' ||
        other === operation ||
        operation === 'check' ||
        (scope === 'write' && !reads.has(operation));
      if (isProven) failed.delete(other);
    }
    if (failed.size === 0) outage.end();
  };
  const fail = (operation: Operation, error: unknown): void => {
    const reason = (ValetKeyError.isInstance(error) ? error.reason : codeOfForeignError(error)) ?? 'error';
    callsAtFailure = calls;
    failed.set(operation, describeStoreFailure(reason).scope);
    outage.fail(reason);
  };

  const watch = <Name extends Operation>(operation: Name): Store[Name] => {
    const run = async (...values: unknown[]): Promise<unknown> => {
      calls += 1;
      const call = calls;
      try {
        const result = await (store[operation] as (...values: unknown[]) => Promise<unknown>)(...values);
        succeed(operation, call);
        return result;
      } catch (error) {
        fail(operation, error);
        throw error;
      }
    };
    return run as unknown as Store[Name];
  };

  const operations = (Object.keys(store) as (keyof Store)[]).filter((name) => name !== 'close');
  const watched = Object.fromEntries(operations.map((name) => [name, watch(name)]));
  return { ...store, ...watched };
}

/** Returns the Redis store, and reports the results of `ping` to `outage`. The events of the cache report its other calls. */
export function watchPing(redis: RedisStore, outage: OutageReporter): RedisStore {
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
