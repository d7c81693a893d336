import type { Clock } from '@valetkey/core-types';
import { changeInParts, type PartsDependencies } from './change-in-parts.ts';
import type { Store } from './store.ts';

const hourMs = 3_600_000;

interface ExpiryDependencies extends Pick<PartsDependencies, 'pause'> {
  readonly store: Pick<Store, 'deleteExpired'>;
  readonly clock: Clock;
}

/**
 * Deletes expired changes, revocations, logout tokens and proofs, now and every hour, until the returned function is called. Several
 * brokers may do this over one store at the same time. After a failure, the next hour's run deletes the rows.
 */
export function startExpiry({ store, clock, pause }: ExpiryDependencies): () => void {
  const ended = new AbortController();
  const run = async (): Promise<void> => {
    const nowMs = clock.nowMs();
    await changeInParts(
      { clock, pause, signal: ended.signal },
      async (limit) => (await store.deleteExpired(nowMs, limit)) > 0,
    );
  };
  const runQuietly = () => void run().catch(() => undefined);
  runQuietly();
  const timer = setInterval(runQuietly, hourMs).unref();
  return () => {
    ended.abort();
    clearInterval(timer);
  };
}
