import { setTimeout } from 'node:timers/promises';

const maxShutdownMs = 10_000;
const drainMs = 2_000;

/** Something that `closeOnSignal` closes. Without `drain`, it is closed at once. */
export interface Closable {
  readonly drain?: () => void;
  readonly close: () => Promise<void>;
}

/**
 * Closes on SIGINT and SIGTERM, and ends the process after at most ten seconds. A second signal ends the process at once.
 *
 * After SIGTERM, the broker first drains for two seconds, because the orchestrator that sends the signal needs this time to
 * route new requests elsewhere. SIGINT comes from a terminal, where no requests have to be routed elsewhere.
 */
export function closeOnSignal({ drain, close }: Closable): void {
  let closing = false;
  const onSignal = async (signal: NodeJS.Signals) => {
    if (closing) process.exit(1);
    closing = true;
    void setTimeout(maxShutdownMs, undefined, { ref: false }).then(() => process.exit(1));
    try {
      if (signal === 'SIGTERM' && drain !== undefined) {
        drain();
        await setTimeout(drainMs);
      }
      await close();
      process.exit(0);
    } catch {
      process.exit(1);
    }
  };
  process.on('SIGINT', onSignal).on('SIGTERM', onSignal);
}
