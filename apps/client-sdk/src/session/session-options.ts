import { deviceClock, parseClock, type MonotonicClock } from '../calls/clock.ts';
import { checkOptionNames } from '../checks/option-check.ts';
import type { DeviceStorage } from '../storage/device-storage.ts';
import type { SessionOptions, SessionVendor } from './session-types.ts';

/** The options of a session after validation, with their defaults filled in. */
export interface ParsedSessionOptions {
  readonly storage: DeviceStorage;
  readonly timeoutMs: number;
  readonly clock: MonotonicClock;
  readonly serverTimeOffsetMs: () => number | undefined;
}

const optionNames = ['storage', 'timeoutMs', 'clock', 'serverTimeOffsetMs'];
const storageFunctions = ['read', 'replace', 'remove', 'runAlone', 'watch'] as const;

export function parseSessionOptions(options: SessionOptions, where: string): ParsedSessionOptions {
  const check = checkOptionNames(where, options, optionNames);
  const { storage, timeoutMs = 10_000, clock = deviceClock, serverTimeOffsetMs = () => undefined } = options;
  check(
    storageFunctions.every((name) => typeof storage?.[name] === 'function'),
    'storage',
    `must have the functions ${storageFunctions.join(', ')}`,
  );
  check(typeof timeoutMs === 'number' && timeoutMs > 0 && timeoutMs < 2 ** 31, 'timeoutMs', 'must be above 0');
  check(typeof serverTimeOffsetMs === 'function', 'serverTimeOffsetMs', 'must be a function');
  return {
    storage,
    timeoutMs,
    clock: parseClock(clock, check),
    serverTimeOffsetMs: () => finiteOf(serverTimeOffsetMs),
  };
}

/** Returns the number that a function of the app returns. A number that cannot be stored would make the record unreadable. */
function finiteOf(run: () => number | undefined): number | undefined {
  try {
    const value = run();
    return Number.isFinite(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

export function checkVendor<Ticket>(vendor: SessionVendor<Ticket>): void {
  const { name, exchange, refresh }: Partial<SessionVendor<Ticket>> = vendor ?? {};
  if (
    typeof name === 'string' &&
    /^[\w.-]{1,1000}$/.test(name) &&
    typeof exchange === 'function' &&
    typeof refresh === 'function'
  )
    return;
  throw new TypeError('createSession: the vendor must have a `name` of letters and digits, `exchange` and `refresh`.');
}
