import type { lookup as systemLookup } from 'node:dns';
import { Readable } from 'node:stream';
import { setTimeout } from 'node:timers/promises';
import {
  systemClock,
  ValetKeyError,
  type CallOptions,
  type VendorDependencies,
  type VendorEvent,
} from '@valetkey/core-types';
import type { Dispatcher } from 'undici';
import { directEgress, type Egress } from '../egress/egress.ts';
import type { CallState, ObservedCall } from '../egress/keep-alive-client.ts';
import { createAttempts } from './attempts.ts';
import { createBulkhead, Deadline, isTimeout, maxSockets, noSocketError, timeoutError } from './call-limits.ts';
import { slowCallerError, toCallerBody, type CallerBody } from './caller-body.ts';
import { describeNetworkFailure } from './network-failure.ts';
import { decodeBody } from './read-body.ts';
import { refusalError, unusableStatusError, type StatusMeanings } from './refusal.ts';
import { collectResponse, reportEnd, type ResponseHeaders, type VendorName, type VendorResponse } from './response.ts';
import { requestHead, toStreamedResponse, type StreamedResponse } from './stream.ts';

/** What a vendor client works with. Each dependency has a default. */
export interface ClientDependencies extends VendorDependencies {
  /** Carries the calls instead of the client's own socket pool. Its owner closes it; the client does not. */
  readonly dispatcher?: Dispatcher | undefined;
  /** The proxy, the private addresses that are allowed, and the certificates. Default: none of these. */
  readonly egress?: Egress | undefined;
  /** Resolves host names instead of the system's resolver. Addresses that may not be called are refused all the same. */
  readonly lookup?: typeof systemLookup | undefined;
  /** Returns a number between 0 and 1, which spreads repeated calls over time. */
  readonly random?: (() => number) | undefined;
  /** Returns a new random UUID (RFC 9562 section 5.4), which recipes use as a nonce. */
  readonly createUuid?: (() => string) | undefined;
}

/** The base URL that a door calls, and the time of its operations. */
export interface DoorOptions {
  readonly vendor: VendorName;
  /** Origin and path prefix of every call. */
  readonly baseUrl: string;
  /** Total time of one operation, in milliseconds. */
  readonly timeoutMs: number;
}

/** One call. */
export interface DoorCall {
  readonly method: string;
  /** The path below the base URL, with its query, percent-encoded (see {@link encodePathSegment}). */
  readonly path: string;
  /** Headers to send beside `accept: application/json` and, for `json`, the `content-type`. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** A text, or a function that is called for each attempt. */
  readonly body?: string | (() => string) | undefined;
  /** A body that is sent as JSON. */
  readonly json?: object | undefined;
  /**
   * The statuses of responses that `send` returns. `any`: 2xx, 304, and 4xx except 407, 408, 425 and 429. Every other status
   * is an error. Default: 200.
   */
  readonly expected?: readonly number[] | 'any' | undefined;
  /** The meanings of statuses that are not expected, where they differ from the usual ones. */
  readonly meanings?: StatusMeanings | undefined;
  /**
   * Returns the error for a response whose body reports a temporary failure, although its status does not. The call then fails
   * as with status 503 or 429, and may be repeated.
   */
  readonly temporaryErrorOf?: ((response: VendorResponse) => ValetKeyError | undefined) | undefined;
  /** Whether sending the call twice does no harm, so that it may be repeated after a temporary failure. Default: false. */
  readonly repeatable?: boolean | undefined;
  /**
   * What the vendor counts this call for, such as a customer. A 429 response then holds only the calls with the same key.
   * Default: it holds all calls of the door.
   */
  readonly rateLimitKey?: string | undefined;
}

/** A call whose request a caller composed. Both bodies are streamed. */
export interface StreamCall extends Pick<DoorCall, 'method' | 'path' | 'headers' | 'repeatable' | 'rateLimitKey'> {
  readonly body?: AsyncIterable<Uint8Array> | Uint8Array | undefined;
  /** The longest time, in milliseconds, that waits for `body` add to the time of the operation. Default: 0. */
  readonly uploadTimeoutMs?: number | undefined;
  /** The most bytes that the body of the response may have. */
  readonly maxResponseBytes: number;
}

/** The calls of one operation. They share its time. */
export interface Operation {
  /** Sends a call and reads the whole response. Every unexpected outcome rejects with a `ValetKeyError`. */
  readonly send: (call: DoorCall) => Promise<VendorResponse>;
  /** Sends a call and resolves when the headers have arrived. The status is 2xx, 304, or 4xx except 407, 408, 425 and 429. */
  readonly stream: (call: StreamCall) => Promise<StreamedResponse>;
  /** Waits for work that other operations share, within this operation's time and until its caller aborts. */
  readonly waitFor: <Result>(shared: Promise<Result>) => Promise<Result>;
}

/** Every call to a vendor passes through a door. It follows no redirects, and no operation outlives its time. */
export interface Door {
  /** Begins an operation. Its time starts now, and its caller may abort it sooner. */
  readonly begin: (options?: CallOptions) => Operation;
  readonly close: () => Promise<void>;
}

type DefaultHeaders = Readonly<Record<string, string>>;

/** The remaining time of a call, the signal that aborts it, and the caller for whom it is made. */
interface Terms {
  readonly leftMs: number;
  readonly signal: AbortSignal | undefined;
  readonly caller: string | undefined;
}

/** One call as the door runs it. */
interface Run<Result> {
  /** Sends the call with these further headers. */
  readonly send: (deadline: Deadline, observer: ObservedCall, headers?: DefaultHeaders) => Promise<Result>;
  readonly method: string;
  readonly statusOf: (result: Result) => number;
  readonly repeatable: boolean;
  readonly rateLimitKey?: string | undefined;
  /** The body of a call that a caller composed. */
  readonly callerBody?: CallerBody;
  readonly uploadTimeoutMs?: number | undefined;
}

const streamHeaders: DefaultHeaders = { 'user-agent': 'valetkey' };
/** A response that is read whole is small, so that encoding it would cost more than it saves. */
const wholeHeaders: DefaultHeaders = { ...streamHeaders, 'accept-encoding': 'identity', accept: 'application/json' };
const jsonHeaders: DefaultHeaders = { ...wholeHeaders, 'content-type': 'application/json' };

/** The most calls of one door that may be under way, including those that wait for a socket. */
const maxCalls = 1_024;

/** Opens a door to one origin. The first call creates its socket pool. */
export function openDoor(options: DoorOptions, dependencies: ClientDependencies = {}): Door {
  const { vendor, timeoutMs } = options;
  const { clock = systemClock } = dependencies;
  const { dispatcher, toRequest, close } = createTransport(options, dependencies);
  const run = createRunner(options, dependencies);

  const unusable = (status: number, headers: ResponseHeaders): ValetKeyError | undefined =>
    status >= 200 && status < 300 ? undefined : unusableStatusError(vendor, status, headers, clock.nowMs());

  async function sendCall(call: DoorCall, terms: Terms): Promise<VendorResponse> {
    const { method, json, repeatable = false, rateLimitKey, expected = [200], meanings } = call;
    const send: Run<VendorResponse>['send'] = async (deadline, observer, added) => {
      const body = typeof call.body === 'function' ? call.body() : (call.body ?? null);
      const request =
        json === undefined
          ? toRequest(call, body, wholeHeaders, added)
          : toRequest(call, JSON.stringify(json), jsonHeaders, added);
      const response = await collectResponse(dispatcher(), { ...request, ...observer }, { vendor, deadline, unusable });
      const encoding = response.headers['content-encoding'];
      const decoded =
        encoding === undefined ? response : { ...response, body: await decodeBody(vendor, response.body, encoding) };
      const temporary = call.temporaryErrorOf?.(decoded);
      if (temporary !== undefined) throw temporary;
      return decoded;
    };
    const statusOf = ({ status }: VendorResponse) => status;
    const { result, deadline } = await run({ send, method, statusOf, repeatable, rateLimitKey }, terms);
    deadline.stop();
    if (expected !== 'any' && !expected.includes(result.status)) throw refusalError(result, meanings);
    return result;
  }

  async function streamCall(call: StreamCall, terms: Terms): Promise<StreamedResponse> {
    const { method, repeatable = false, rateLimitKey, uploadTimeoutMs, maxResponseBytes: maxBytes } = call;
    const callerBody = toCallerBody(call.body, clock);
    const request = toRequest(call, callerBody.body, streamHeaders);
    const send: Run<Dispatcher.ResponseData>['send'] = (deadline, observer, added) => {
      const headers = { ...request.headers, ...added };
      return requestHead(dispatcher(), { ...request, headers, ...observer }, deadline, unusable);
    };
    const statusOf = ({ statusCode }: Dispatcher.ResponseData) => statusCode;
    const sent = { send, method, statusOf, repeatable, rateLimitKey, callerBody, uploadTimeoutMs };
    const { result, deadline } = await run(sent, terms);
    const source = { baseUrl: options.baseUrl, url: request.origin + request.path };
    return toStreamedResponse(result, { vendor, deadline, method, source, maxBytes });
  }

  return {
    begin({ signal, caller } = {}) {
      const startedAtMs = clock.monotonicMs();
      const terms = (): Terms => ({ leftMs: timeoutMs - (clock.monotonicMs() - startedAtMs), signal, caller });
      return {
        send: (call) => sendCall(call, terms()),
        stream: (call) => streamCall(call, terms()),
        waitFor: (shared) => waitForShared(shared, options, terms()),
      };
    },
    close,
  };
}

/** Creates the transport of one door: the given dispatcher, or one of the egress that the first call creates. */
function createTransport({ baseUrl, timeoutMs }: DoorOptions, dependencies: ClientDependencies) {
  const { dispatcher: given, lookup, egress = directEgress } = dependencies;
  const { origin, pathname } = new URL(baseUrl);
  const basePath = pathname.replace(/\/+$/, '');
  let pool: Dispatcher | undefined;
  const ownPool = (): Dispatcher =>
    (pool ??= egress.createDispatcher(origin, { timeoutMs, connections: 2 * maxSockets, lookup }));
  let closing: Promise<void> | undefined;
  return {
    dispatcher: (): Dispatcher => given ?? ownPool(),
    toRequest: (
      call: DoorCall | StreamCall,
      body: string | CallerBody['body'],
      defaults: DefaultHeaders,
      added?: DefaultHeaders,
    ) => ({
      origin,
      path: `${basePath}${call.path}` || '/',
      method: call.method as Dispatcher.HttpMethod,
      headers: { ...defaults, ...call.headers, ...added },
      body,
    }),
    // If no call created the pool, it is created here and closed, so that later calls are refused.
    close: (): Promise<void> => (closing ??= given === undefined ? ownPool().close() : Promise.resolve()),
  };
}

/** Creates the function that runs each call of one door with a place in the bulkhead, a deadline and attempts. */
function createRunner({ vendor, baseUrl, timeoutMs }: DoorOptions, dependencies: ClientDependencies) {
  const { clock = systemClock, random = Math.random, onEvent = () => undefined, onCall } = dependencies;
  const { origin } = new URL(baseUrl);
  const bulkhead = createBulkhead({ vendor, clock, maxCalls, maxSockets });
  const addOrigin = (event: VendorEvent): VendorEvent =>
    event.type === 'circuit_opened' || event.type === 'circuit_closed' ? { ...event, origin } : event;
  const attempts = createAttempts({ vendor, clock, random, onEvent: (event) => onEvent(addOrigin(event)) });

  /** The receiver of the result stops the deadline. */
  return async function run<Result>(
    { send, method, statusOf, repeatable, rateLimitKey, callerBody, uploadTimeoutMs = 0 }: Run<Result>,
    { leftMs, signal, caller }: Terms,
  ): Promise<{ readonly result: Result; readonly deadline: Deadline }> {
    signal?.throwIfAborted();
    if (leftMs <= 0) throw timeoutError(vendor, timeoutMs);
    const { turn, waitedMs, leave } = bulkhead.enter(caller);
    const awaitedMs = () => callerBody?.awaitedMs() ?? 0;
    const putOffMs = () => Math.min(awaitedMs(), uploadTimeoutMs);
    const deadline = new Deadline({ vendor, timeoutMs, leftMs, caller: signal, putOffMs, onOver: leave });
    const startedAtMs = clock.monotonicMs();
    let hasSocket = turn === undefined;
    let state: CallState = 'waiting';
    const onState = (next: CallState) => void (state = next);
    /** The time that the vendor lost because the call waited for its caller longer than it may. */
    const lostMs = () => awaitedMs() - putOffMs();
    const hadVendorHalfOfTime = () => waitedMs() + lostMs() <= leftMs / 2;
    const explain = (failure: unknown): unknown => {
      const ended = deadline.explain() ?? describeNetworkFailure(failure, vendor);
      if (!isTimeout(ended)) return ended;
      if (!hasSocket) return noSocketError(vendor);
      return !hadVendorHalfOfTime() && lostMs() > waitedMs() ? slowCallerError(vendor) : ended;
    };
    try {
      if (turn !== undefined) await deadline.waitFor(turn);
      hasSocket = true;
      const result = await attempts.run({
        send() {
          state = 'waiting';
          if (onCall === undefined) return send(deadline, { onState });
          const { headers, end } = onCall({ method, origin });
          return reportEnd(send(deadline, { onState }, headers), { statusOf, explain, end });
        },
        explain,
        startedAtMs,
        hadVendorHalfOfTime,
        isOnUsedConnection: () => state === 'sent on a used connection',
        repeatable,
        rateLimitKey,
        isGoodProbe: !(callerBody?.body instanceof Readable),
        isComposedByCaller: callerBody !== undefined,
        wait: (milliseconds) => deadline.waitFor(setTimeout(milliseconds, undefined, { ref: false })),
      });
      return { result, deadline };
    } catch (failure) {
      deadline.stop();
      throw explain(failure);
    }
  };
}

async function waitForShared<Result>(
  shared: Promise<Result>,
  { vendor, timeoutMs }: DoorOptions,
  { leftMs, signal }: Terms,
): Promise<Result> {
  signal?.throwIfAborted();
  const deadline = new Deadline({ vendor, timeoutMs, leftMs, caller: signal, onOver: () => undefined });
  try {
    return await deadline.waitFor(shared);
  } finally {
    deadline.stop();
  }
}

/**
 * Encodes a value as one segment of a path. Throws `invalid_request` for `.`, `..`, the empty string and lone surrogates:
 * however they are encoded, a server may read them as another path.
 *
 * @example
 * ```ts
 * const path = `/v1/users/${encodePathSegment(userId)}`;
 * ```
 */
export function encodePathSegment(value: string): string {
  if (value === '' || value === '.' || value === '..' || !value.isWellFormed()) {
    throw new ValetKeyError('invalid_request', 'This identifier cannot be part of a path.', {
      reason: 'unsafe_path_segment',
    });
  }
  return encodeURIComponent(value);
}
