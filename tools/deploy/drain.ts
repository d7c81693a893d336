import { drainMs, maxCloseMs } from '../../apps/broker/src/cli/shutdown.ts';

/** Returns the longest time between SIGTERM and the end of a broker, in seconds. */
export function longestStopSeconds(timeoutMs: number): number {
  return (drainMs + timeoutMs + maxCloseMs) / 1000;
}
