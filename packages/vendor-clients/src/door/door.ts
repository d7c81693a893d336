import type { lookup as systemLookup } from 'node:dns';
import { EventEmitter } from 'node:events';
import { Readable } from 'node:stream';
import { setTimeout } from 'node:timers/promises';
import { systemClock, type CallOptions, type ValetKeyError, type VendorDependencies } from '@valetkey/core-types';
import type { Dispatcher, Pool } from 'undici';
import { invalidAnswer, type Answer, type AnswerHeaders, type VendorName } from './answer.ts';
import { createAttempts } from './attempts.ts';
import { createBulkhead, waitedInVainError } from './bulkhead.ts';
import { slowCallerError, toCallerBody, type CallerBody } from './caller-body.ts';
import { Deadline, isTimeout, timeoutError } from './deadline.ts';
import { exchange } from './exchange.ts';
import { describeNetworkFailure } from './network-failure.ts';
import { createPool, maxConnections } from './pool.ts';
import { decodeBody, isEncoded } from './read-body.ts';
import { discardBody, streamBody } from './stream-body.ts';
import { unusableStatus } from './unusable-status.ts';

/** What a vendor client is given to work with; each part has a default. */
export interface ClientEnvironment extends VendorDependencies {
  /** Carries the calls in place of a connection pool of the client's own. Whoever gives it closes it. */
  readonly dispatcher?: Dispatcher | undefined;
  /** Resolves host names in place of the system's resolver. What it says is looked at all the same. */
  readonly lookup?: typeof systemLookup | undefined;
  /** A number between 0 and 1, which spreads repeated calls over time. */
  readonly random?: (() => number) | undefined;
}

/** Where a door leads, and how long it waits. */
export interface DoorOptions {
  readonly vendor: VendorName;
  /** Origin and path prefix of every call. */
  readonly baseUrl: string;
  /** Total time for one operation, in milliseconds. */
  readonly timeoutMs: number;
}

/** One call. The path lies below the base URL and is percent-encoded already. */
export interface DoorCall {
  readonly method: string;
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** A function makes it anew for each attempt. */
  readonly body?: string | (() => string) | undefined;
  /** Whether sending it twice does no harm, so that passing trouble may be met by another attempt. Default: false. */
  readonly repeatable?: boolean | undefined;
}

/** A caller's call, whose bodies stream. */
export interface StreamCall extends Omit<DoorCall, 'body'> {
  readonly body?: AsyncIterable<Uint8Array> | Uint8Array | undefined;
  /** Most bytes of the answer's body. */
  readonly maxResponseBytes: number;
}

/** An answer whose body is still on its way. */
export interface StreamAnswer {
  readonly vendor: VendorName;
  readonly status: number;
  readonly headers: AnswerHeaders;
  /** Has what is left of the operation's time, and ends it. */
  readonly body: AsyncIterable<Uint8Array>;
  /** Gives the body so many milliseconds from now instead. */
  readonly extend: (timeoutMs: number) => void;
  /** Drops the body unread. */
  readonly discard: () => void;
}

/** The calls of one operation. They share its time, whichever of them takes it. */
export interface Operation {
  /** Sends a call and reads the whole answer: 2xx or 4xx. Every other outcome throws a `ValetKeyError`. */
  readonly send: (call: DoorCall) => Promise<Answer>;
  /** Sends a call and hands the answer over once its headers are there: 2xx, 304 or 4xx. */
  readonly stream: (call: StreamCall) => Promise<StreamAnswer>;
  /** Waits for what others began, as long as the operation has time and its caller is there. */
  readonly waitFor: <Result>(others: Promise<Result>) => Promise<Result>;
}

/** The one way to a vendor's network: nothing else in this package calls it. */
export interface Door {
  /** Begins an operation: its time runs from now on, and its caller may end it sooner. */
  readonly begin: (options?: CallOptions) => Operation;
  readonly close: () => Promise<void>;
}

type Response = Dispatcher.ResponseData;

type OwnHeaders = Readonly<Record<string, string>>;

interface Run<Result> {
  readonly result: Result;
  readonly deadline: Deadline;
}

/** Whose a call is, and how long it has. */
interface Terms {
  readonly leftMs: number;
  readonly caller: AbortSignal | undefined;
  readonly isCallers: boolean;
}

const streamHeaders: OwnHeaders = { 'user-agent': 'valetkey' };
/** What is read whole is small; packing it would cost more than it saves. */
const wholeHeaders: OwnHeaders = { ...streamHeaders, 'accept-encoding': 'identity' };

/** Calls under way and waiting for a connection, per door. */
const places = 1_024;

/** Opens the door to one origin. It follows no redirects, and no call outlives its deadline. */
export function openDoor(options: DoorOptions, environment: ClientEnvironment = {}): Door {
  const { vendor, timeoutMs } = options;
  const { clock = systemClock, random = Math.random, onEvent = () => undefined } = environment;
  const { origin, pathname } = new URL(options.baseUrl);
  const basePath = pathname.replace(/\/+$/, '');
  const pool = environment.dispatcher === undefined ? createPool(origin, timeoutMs, environment.lookup) : undefined;
  const dispatcher = environment.dispatcher ?? (pool as Pool);
  const bulkhead = createBulkhead({ vendor, clock, places, connections: maxConnections });
  const attempts = createAttempts({ vendor, clock, random, onEvent });

  const toRequest = (call: DoorCall | StreamCall, body: CallerBody['body'], defaults: OwnHeaders) => ({
    origin,
    path: `${basePath}${call.path}` || '/',
    method: call.method as Dispatcher.HttpMethod,
    headers: { ...defaults, ...call.headers },
    body,
  });

  const unusable = (status: number, headers: AnswerHeaders): ValetKeyError | undefined =>
    unusableStatus(vendor, status, headers, clock.nowMs());

  /** Sends a call whose answer's body is read by somebody else. */
  async function ask(call: StreamCall, body: CallerBody['body'], deadline: Deadline): Promise<Response> {
    const signal = new EventEmitter();
    const response = await new Promise<Response>((resolve, reject) => {
      deadline.onEnd(() => {
        signal.emit('abort');
        // A call that waits for a connection would hear of its end only once it got one.
        reject(deadline.explain());
      });
      dispatcher.request({ ...toRequest(call, body, streamHeaders), signal }).then(resolve, reject);
    });
    const refused = unusable(response.statusCode, response.headers);
    if (refused === undefined) return response;
    discardBody(response.body);
    throw refused;
  }

  /** Runs a call inside its place, its deadline and its attempts. Whoever gets the result stops the deadline. */
  async function run<Result>(
    call: DoorCall | StreamCall,
    { leftMs, caller, isCallers }: Terms,
    send: (body: CallerBody['body'], deadline: Deadline) => Promise<Result>,
  ): Promise<Run<Result>> {
    caller?.throwIfAborted();
    if (leftMs <= 0) throw timeoutError(vendor, timeoutMs);
    const { turn, waitedMs, leave } = bulkhead.enter();
    const deadline = new Deadline({ vendor, timeoutMs, leftMs, caller, onOver: leave });
    const { body, awaitedMs } = toCallerBody(typeof call.body === 'function' ? undefined : call.body, clock);
    const explain = (failure: unknown): unknown => {
      const ended = deadline.explain() ?? describeNetworkFailure(failure, vendor);
      // A vendor that had less than half of the time is not to blame for its end.
      if (!isTimeout(ended) || waitedMs() + awaitedMs() <= leftMs / 2) return ended;
      return awaitedMs() > waitedMs() ? slowCallerError(vendor) : waitedInVainError(vendor);
    };
    try {
      if (turn !== undefined) await deadline.waitFor(turn);
      const result = await attempts.run({
        send: () => send(body, deadline),
        explain,
        repeatable: call.repeatable ?? false,
        isGoodProbe: !(body instanceof Readable),
        isCallers,
        wait: (milliseconds) => deadline.waitFor(setTimeout(milliseconds, undefined, { ref: false })),
      });
      return { result, deadline };
    } catch (failure) {
      deadline.stop();
      throw explain(failure);
    }
  }

  async function sendCall(call: DoorCall, terms: Terms): Promise<Answer> {
    const { result, deadline } = await run(call, terms, async (body, deadline) => {
      const request = toRequest(call, typeof call.body === 'function' ? call.body() : body, wholeHeaders);
      return await decoded(await exchange(dispatcher, request, { vendor, deadline, unusable }));
    });
    deadline.stop();
    return result;
  }

  async function streamCall(call: StreamCall, terms: Terms): Promise<StreamAnswer> {
    const { result, deadline } = await run(call, terms, (body, deadline) => ask(call, body, deadline));
    const { statusCode: status, headers, body } = result;
    const stop = (): void => deadline.stop();
    const discard = (): void => {
      stop();
      discardBody(body);
    };
    const hasBody = call.method !== 'HEAD' && status !== 204 && status !== 304;
    if (hasBody && Number(headers['content-length'] ?? 0) > call.maxResponseBytes) {
      discard();
      throw invalidAnswer(vendor, 'body_too_long');
    }
    const explain = (failure: unknown): unknown => deadline.explain() ?? describeNetworkFailure(failure, vendor);
    return {
      vendor,
      status,
      headers,
      body: streamBody(body, { vendor, maxBytes: call.maxResponseBytes, explain, stop }),
      extend: (timeoutMs) => deadline.extend(timeoutMs),
      discard,
    };
  }

  async function waitForOthers<Result>(others: Promise<Result>, { leftMs, caller }: Terms): Promise<Result> {
    caller?.throwIfAborted();
    const deadline = new Deadline({ vendor, timeoutMs, leftMs, caller, onOver: () => undefined });
    try {
      return await deadline.waitFor(others);
    } finally {
      deadline.stop();
    }
  }

  let closing: Promise<void> | undefined;
  return {
    begin({ signal: caller } = {}) {
      const startedAtMs = clock.monotonicMs();
      const terms = (isCallers: boolean): Terms => {
        return { leftMs: timeoutMs - (clock.monotonicMs() - startedAtMs), caller, isCallers };
      };
      return {
        send: (call) => sendCall(call, terms(false)),
        stream: (call) => streamCall(call, terms(true)),
        waitFor: (others) => waitForOthers(others, terms(false)),
      };
    },
    close: () => (closing ??= pool?.close() ?? Promise.resolve()),
  };
}

/** An answer whose body is what the vendor meant. */
async function decoded(answer: Answer): Promise<Answer> {
  const encoding = answer.headers['content-encoding'];
  if (!isEncoded(encoding)) return answer;
  return { ...answer, body: await decodeBody(answer.vendor, answer.body, encoding) };
}
