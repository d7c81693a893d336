import { setTimeout } from 'node:timers/promises';

const patienceMs = 10_000;
const drainMs = 2_000;

/** What is to be closed; without `drain` it needs no notice. */
export interface Closable {
  readonly drain?: () => void;
  readonly close: () => Promise<void>;
}

/**
 * Closes on SIGINT and SIGTERM: what is under way is finished, for ten seconds at most. A second signal ends the process
 * at once.
 *
 * SIGTERM comes from whoever also sends the traffic and needs a moment to send it elsewhere: for two seconds it is told
 * so and still served. SIGINT comes from a person, who does not wait.
 */
export function closeOnSignal({ drain, close }: Closable): void {
  let closing = false;
  const onSignal = async (signal: NodeJS.Signals) => {
    if (closing) process.exit(1);
    closing = true;
    void setTimeout(patienceMs, undefined, { ref: false }).then(() => process.exit(1));
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
