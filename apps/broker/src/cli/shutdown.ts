import { setTimeout } from 'node:timers/promises';

const maxShutdownMs = 10_000;
const drainMs = 2_000;

/** What is closed at shutdown. Without `drain` it is closed at once. */
export interface Closable {
  readonly drain?: () => void;
  readonly close: () => Promise<void>;
}

/**
 * Closes on SIGINT and SIGTERM. Running requests get up to ten seconds; a second signal ends the process at once.
 *
 * After SIGTERM the broker drains for two seconds first: the orchestrator that sends the signal also routes the traffic, and
 * needs a moment to route it elsewhere. SIGINT comes from a person at a terminal, who does not wait.
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
