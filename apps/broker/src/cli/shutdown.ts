import { setTimeout } from 'node:timers/promises';
import { isatty } from 'node:tty';
import { printError } from './terminal.ts';

/** How long the broker still accepts calls after SIGTERM. */
export const drainMs = 2_000;
/** The time to close everything else after the running calls have ended. */
export const maxCloseMs = 5_000;

/** Something that `closeOnSignal` closes. Without `drain`, it is closed at once. */
export interface Closable {
  readonly drain?: () => void;
  readonly close: () => Promise<void>;
  /** Reads the configuration again. Never rejects. Absent: SIGHUP has no effect. */
  readonly reload?: () => Promise<void>;
}

/**
 * Closes on SIGINT, SIGTERM and SIGQUIT. `close` may take `timeoutMs()` for the running calls and five seconds for the rest; after
 * that, the process ends with 1. A second signal ends the process at once, also with 1.
 *
 * After SIGTERM and SIGQUIT, the broker first drains for two seconds, because the orchestrator that sends the signal needs this
 * time to route new requests elsewhere. SIGINT comes from a terminal, where no requests have to be routed elsewhere; SIGHUP too,
 * if there is a terminal.
 *
 * Without a terminal, SIGHUP reloads the configuration.
 *
 * Operators send the other signals to programs that then open their log again, for example. Without a listener,
 * Node would end the process, or for SIGUSR1 open a debugger to every user of this machine.
 */
export function closeOnSignal({ drain, close, reload }: Closable, timeoutMs: () => number): void {
  let closing = false;
  const onSignal = async (signal: NodeJS.Signals) => {
    if (closing) process.exit(1);
    closing = true;
    try {
      if (drain !== undefined && (signal === 'SIGTERM' || signal === 'SIGQUIT')) {
        drain();
        await setTimeout(drainMs);
      }
      void setTimeout(timeoutMs() + maxCloseMs, undefined, { ref: false }).then(() => process.exit(1));
      await close();
      process.exit(0);
    } catch {
      process.exit(1);
    }
  };
  const hasTerminal = isatty(0);
  const reportUnused = (signal: NodeJS.Signals) =>
    printError(`${signal} has no effect.${reload === undefined ? '' : ' Send SIGHUP to reload the configuration.'}`);
  const onHangUp = reload === undefined ? reportUnused : () => void reload();
  process.on('SIGINT', onSignal).on('SIGTERM', onSignal).on('SIGQUIT', onSignal);
  process
    .on('SIGHUP', hasTerminal ? onSignal : onHangUp)
    .on('SIGUSR1', reportUnused)
    .on('SIGUSR2', reportUnused);
}
