import { neverEnding } from '../calls/client-inside.ts';
import { deviceClock, parseClock, type MonotonicClock, type ValetClock } from '../calls/clock.ts';
import { settleWithin } from '../calls/deadline.ts';
import { checkOptionNames } from '../checks/option-check.ts';

/** The options that all storages share. */
export interface StorageOptions {
  /**
   * Milliseconds that one access may take before it rejects and the next one may run. Default: 4000. A session gives up
   * after 5000.
   */
  readonly timeoutMs?: number | undefined;
  /** The clock, which tests can replace. Default: the device's clock. */
  readonly clock?: ValetClock | undefined;
}

/** Runs accesses that always settle. */
export interface Bounds {
  readonly clock: MonotonicClock;
  /** Runs `task`, and rejects when its time is over. The signal then aborts. */
  readonly run: <Result>(task: (signal: AbortSignal) => Promise<Result>) => Promise<Result>;
}

/** Returns the bounds that the options of a storage ask for. Throws a `TypeError` for an option that is unknown or invalid. */
export function parseStorageOptions(options: StorageOptions, where: string, ...names: readonly string[]): Bounds {
  const check = checkOptionNames(where, options, ['timeoutMs', 'clock', ...names]);
  const { timeoutMs = 4000, clock = deviceClock } = options;
  check(timeoutMs > 0 && timeoutMs < 2 ** 31, 'timeoutMs', 'must be a number of milliseconds above 0');
  const deadline = {
    clock: parseClock(clock, check),
    timeoutMs,
    ending: neverEnding,
    what: 'The access to the storage',
  };
  return { clock: deadline.clock, run: (task) => settleWithin(deadline, ({ signal }) => task(signal)) };
}
