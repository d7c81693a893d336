import type { GetAppToken } from './app-token.ts';
import { isBrokerUrl } from './broker-url.ts';
import { deviceClock, type ValetClock } from './clock.ts';
import type { ValetEvent } from './events.ts';

/** What {@link createValetClient} takes. */
export interface ValetClientOptions {
  /** Where the broker is: an https URL, or http on a loopback host, without credentials, query or fragment. */
  readonly brokerUrl: string;
  readonly getAppToken: GetAppToken;
  /** Default: the platform's. */
  readonly fetch?: typeof fetch | undefined;
  readonly clock?: ValetClock | undefined;
  /**
   * Milliseconds that a call may take, `getAppToken` included. Default: 10 000. For a proxied call it ends with the
   * answer's headers; its body is under the caller's signal alone.
   */
  readonly timeoutMs?: number | undefined;
  /** Told once about each finished call, for metrics. What it throws is dropped. */
  readonly onEvent?: ((event: ValetEvent) => void) | undefined;
}

export interface CheckedOptions {
  readonly brokerUrl: string;
  readonly getAppToken: GetAppToken;
  readonly fetch: typeof fetch;
  readonly clock: ValetClock;
  readonly timeoutMs: number;
  readonly onEvent: (event: ValetEvent) => void;
}

const optionNames = new Set(['brokerUrl', 'getAppToken', 'fetch', 'clock', 'timeoutMs', 'onEvent']);
/** Timers count in 32 bits; a longer one fires at once. */
const longestTimeoutMs = 2 ** 31 - 1;

function check(holds: boolean, option: string, rule: string): void {
  // The value is left out: it may hold a credential.
  if (!holds) throw new TypeError(`createValetClient: \`${option}\` ${rule}.`);
}

export function checkOptions(options: ValetClientOptions): CheckedOptions {
  check(typeof options === 'object' && options !== null, 'options', 'must be an object');
  for (const name of Object.keys(options)) check(optionNames.has(name), name, 'is not an option');

  const { brokerUrl, getAppToken, fetch = globalThis.fetch, clock = deviceClock, timeoutMs = 10_000 } = options;
  const { onEvent = () => undefined } = options;
  check(
    isBrokerUrl(brokerUrl),
    'brokerUrl',
    'must be an https URL without credentials, query or fragment (http is for loopback hosts alone)',
  );
  check(typeof getAppToken === 'function', 'getAppToken', 'must be a function');
  check(typeof fetch === 'function', 'fetch', 'must be a function; this platform has none of its own');
  check(
    typeof clock?.nowMs === 'function' && typeof clock.schedule === 'function',
    'clock',
    'must have the functions `nowMs` and `schedule`',
  );
  check(
    typeof timeoutMs === 'number' && timeoutMs > 0 && timeoutMs <= longestTimeoutMs,
    'timeoutMs',
    `must be a number of milliseconds from 1 to ${longestTimeoutMs}`,
  );
  check(typeof onEvent === 'function', 'onEvent', 'must be a function');

  return { brokerUrl: brokerUrl.replace(/\/$/, ''), getAppToken, fetch, clock, timeoutMs, onEvent };
}
