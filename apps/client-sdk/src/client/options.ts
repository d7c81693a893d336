import type { GetAppToken } from './app-token.ts';
import { isBaseUrl } from '../http/broker-url.ts';
import { deviceClock, parseClock, type MonotonicClock, type ValetClock } from '../calls/clock.ts';
import type { CreateDpopProof } from './dpop.ts';
import type { ValetEvent } from './events.ts';
import { checkOptionNames } from '../checks/option-check.ts';

/** The options of {@link createValetClient}. */
export interface ValetClientOptions {
  /**
   * The URL of the broker, without credentials, query or fragment. It is an https URL, or http if the host is loopback.
   */
  readonly brokerUrl: string;
  readonly getAppToken: GetAppToken;
  /**
   * Returns a DPoP proof (RFC 9449) for each request, if the identity provider binds the app's tokens to a key that the app
   * holds. Absent: the client sends bearer tokens. `dpopProofs(keyPair)` returns such a function.
   */
  readonly dpop?: CreateDpopProof | undefined;
  /** Sends the requests. Default: the platform's `fetch`. */
  readonly fetch?: typeof fetch | undefined;
  /** The clock, which tests can replace. Default: the device's clock. */
  readonly clock?: ValetClock | undefined;
  /**
   * Milliseconds that a call may take, `getAppToken` included. Default: 10 000. A proxied call must receive the headers
   * of the response in this time; the body may take longer, until the caller's signal aborts.
   */
  readonly timeoutMs?: number | undefined;
  /** Receives an event after each call, for metrics. The client ignores errors that it throws. */
  readonly onEvent?: ((event: ValetEvent) => void) | undefined;
}

/** The options after validation, with their defaults filled in. */
export interface ParsedOptions {
  readonly brokerUrl: string;
  readonly getAppToken: GetAppToken;
  readonly dpop: CreateDpopProof | undefined;
  readonly fetch: typeof fetch;
  readonly clock: MonotonicClock;
  readonly timeoutMs: number;
  readonly onEvent: (event: ValetEvent) => void;
}

const optionNames = ['brokerUrl', 'getAppToken', 'dpop', 'fetch', 'clock', 'timeoutMs', 'onEvent'];
/** Timers count in 32 bits: a timer with a longer delay fires immediately. */
const maxTimeoutMs = 2 ** 31 - 1;

export function parseOptions(options: ValetClientOptions): ParsedOptions {
  const check = checkOptionNames('createValetClient', options, optionNames);
  const { brokerUrl, getAppToken, dpop, fetch = globalThis.fetch, clock = deviceClock, timeoutMs = 10_000 } = options;
  const { onEvent = () => undefined } = options;
  check(
    isBaseUrl(brokerUrl),
    'brokerUrl',
    'must be an https URL without credentials, query or fragment (http only for a loopback host)',
  );
  check(typeof getAppToken === 'function', 'getAppToken', 'must be a function');
  check(dpop === undefined || typeof dpop === 'function', 'dpop', 'must be a function, such as `dpopProofs(keyPair)`');
  check(typeof fetch === 'function', 'fetch', 'must be a function, which this platform lacks');
  check(
    typeof timeoutMs === 'number' && timeoutMs > 0 && timeoutMs <= maxTimeoutMs,
    'timeoutMs',
    `must be a number of milliseconds, above 0 and at most ${maxTimeoutMs}`,
  );
  check(typeof onEvent === 'function', 'onEvent', 'must be a function');

  const url = brokerUrl.replace(/\/$/, '');
  return { brokerUrl: url, getAppToken, dpop, fetch, clock: parseClock(clock, check), timeoutMs, onEvent };
}
