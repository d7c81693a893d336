import { setTimeout } from 'node:timers/promises';

const drainMs = 2_000;
/** The time to close everything else after the running calls have ended. */
const maxCloseMs = 5_000;

/** Something that `closeOnSignal` closes. Without `drain`, it is closed at once. */
export interface Closable {
  readonly drain?: () => void;
  readonly close: () => Promise<void>;
}

/**
 * Closes on SIGINT and SIGTERM. `close` may take `timeoutMs` for the running calls and five seconds for the rest; after that,
 * the process ends with 1. A second signal ends the process at once, also with 1.
 *
 * After SIGTERM, the broker first drains for two seconds, because the orchestrator that sends the signal needs this time to
 * route new requests elsewhere. SIGINT comes from a terminal, where no requests have to be routed elsewhere.
 */
export function closeOnSignal({ drain, close }: Closable, timeoutMs: number): void {
  let closing = false;
  const onSignal = async (signal: NodeJS.Signals) => {
    if (closing) process.exit(1);
    closing = true;
    try {
      if (signal === 'SIGTERM' && drain !== undefined) {
        drain();
        await setTimeout(drainMs);
      }
      void setTimeout(timeoutMs + maxCloseMs, undefined, { ref: false }).then(() => process.exit(1));
      await close();
      process.exit(0);
    } catch {
      process.exit(1);
    }
  };
  process.on('SIGINT', onSignal).on('SIGTERM', onSignal);
}
