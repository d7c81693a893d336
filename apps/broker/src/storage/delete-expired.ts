import { setImmediate } from 'node:timers/promises';
import type { Clock } from '@valetkey/core-types';
import type { Store } from './store.ts';

const hourMs = 3_600_000;

interface ExpiryDependencies {
  readonly store: Pick<Store, 'deleteExpired'>;
  readonly clock: Clock;
}

/**
 * Deletes expired changes, revocations, logout tokens and proofs, now and every hour, until the returned function is called. Several
 * brokers may do this over one store at the same time. After a failure, the next hour's run deletes the rows.
 */
export function startExpiry({ store, clock }: ExpiryDependencies): () => void {
  const ended = new AbortController();
  const run = async (): Promise<void> => {
    const nowMs = clock.nowMs();
    while (!ended.signal.aborted && (await store.deleteExpired(nowMs)) > 0) await setImmediate();
  };
  const runQuietly = () => void run().catch(() => undefined);
  runQuietly();
  const timer = setInterval(runQuietly, hourMs).unref();
  return () => {
    ended.abort();
    clearInterval(timer);
  };
}
