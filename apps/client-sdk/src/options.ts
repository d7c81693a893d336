import type { GetAppToken } from './app-token.ts';
import { isBrokerUrl } from './broker-url.ts';
import { deviceClock, type ValetClock } from './clock.ts';
import type { ValetEvent } from './events.ts';

/** The options of {@link createValetClient}. */
export interface ValetClientOptions {
  /** The address of the broker: an https URL, or http on a loopback host, without credentials, query or fragment. */
  readonly brokerUrl: string;
  readonly getAppToken: GetAppToken;
  /** Sends the requests. Default: the platform's `fetch`. */
  readonly fetch?: typeof fetch | undefined;
  /** Tells the time and schedules timeouts, for tests. Default: the device's clock. */
  readonly clock?: ValetClock | undefined;
  /**
   * Milliseconds that a call may take, `getAppToken` included. Default: 10 000. For a proxied call the time ends with the
   * headers of the response; only the caller's signal ends its body.
   */
  readonly timeoutMs?: number | undefined;
  /** Receives each finished call once, for metrics. The client drops what it throws. */
  readonly onEvent?: ((event: ValetEvent) => void) | undefined;
}

/** The options with their defaults, after validation. */
export interface ParsedOptions {
  readonly brokerUrl: string;
  readonly getAppToken: GetAppToken;
  readonly fetch: typeof fetch;
  readonly clock: ValetClock;
  readonly timeoutMs: number;
  readonly onEvent: (event: ValetEvent) => void;
}

const optionNames = new Set(['brokerUrl', 'getAppToken', 'fetch', 'clock', 'timeoutMs', 'onEvent']);
/** Timers count in 32 bits: a longer one fires immediately. */
const maxTimeoutMs = 2 ** 31 - 1;

function checkOption(holds: boolean, option: string, rule: string): void {
  // The message does not contain the value, which may be a credential.
  if (!holds) throw new TypeError(`createValetClient: \`${option}\` ${rule}.`);
}

export function parseOptions(options: ValetClientOptions): ParsedOptions {
  checkOption(typeof options === 'object' && options !== null, 'options', 'must be an object');
  for (const name of Object.keys(options)) checkOption(optionNames.has(name), name, 'is not an option');

  const { brokerUrl, getAppToken, fetch = globalThis.fetch, clock = deviceClock, timeoutMs = 10_000 } = options;
  const { onEvent = () => undefined } = options;
  checkOption(
    isBrokerUrl(brokerUrl),
    'brokerUrl',
    'must be an https URL without credentials, query or fragment (http only for a loopback host)',
  );
  checkOption(typeof getAppToken === 'function', 'getAppToken', 'must be a function');
  checkOption(typeof fetch === 'function', 'fetch', 'must be a function, because this platform has no `fetch`');
  checkOption(
    typeof clock?.nowMs === 'function' && typeof clock.schedule === 'function',
    'clock',
    'must have the functions `nowMs` and `schedule`',
  );
  checkOption(
    typeof timeoutMs === 'number' && timeoutMs > 0 && timeoutMs <= maxTimeoutMs,
    'timeoutMs',
    `must be a number of milliseconds, above 0 and at most ${maxTimeoutMs}`,
  );
  checkOption(typeof onEvent === 'function', 'onEvent', 'must be a function');

  return { brokerUrl: brokerUrl.replace(/\/$/, ''), getAppToken, fetch, clock, timeoutMs, onEvent };
}
