import type { lookup as systemLookup } from 'node:dns';
import { EventEmitter } from 'node:events';
import { setTimeout } from 'node:timers/promises';
import { systemClock, type CallOptions, type ValetKeyError, type VendorEnvironment } from '@valetkey/core-types';
import type { Dispatcher, Pool } from 'undici';
import type { Answer, AnswerHeaders, VendorName } from './answer.ts';
import { createAttempts } from './attempts.ts';
import { createBulkhead, waitedInVainError } from './bulkhead.ts';
import { slowCallerError, toCallerBody, type CallerBody } from './caller-body.ts';
import { Deadline, isTimeout } from './deadline.ts';
import { exchange, longestRestBytes, longestRestMs } from './exchange.ts';
import { describeNetworkFailure } from './network-failure.ts';
import { createPool, maxConnections } from './pool.ts';
import { decodeBody, isEncoded } from './read-body.ts';
import { unusableStatus } from './unusable-status.ts';

/** What a vendor client is given to work with; each part has a default. */
export interface ClientEnvironment extends VendorEnvironment {
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
  /** Total time for one call, in milliseconds. */
  readonly timeoutMs: number;
}

/** One call. The path lies below the base URL and is percent-encoded already. */
export interface DoorCall extends CallOptions {
  readonly method: string;
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** A function makes it anew for each attempt. */
  readonly body?: string | (() => string) | undefined;
  /** Whether sending it twice does no harm, so that passing trouble may be met by another attempt. Default: false. */
  readonly repeatable?: boolean | undefined;
}

/** A call whose bodies stream. */
export interface StreamCall extends Omit<DoorCall, 'body'> {
  readonly body?: AsyncIterable<Uint8Array> | Uint8Array | undefined;
  /** Total time for the answer's body, in milliseconds. */
  readonly bodyTimeoutMs: number;
}

/** An answer whose body is still on its way. */
export interface StreamAnswer {
  readonly vendor: VendorName;
  readonly status: number;
  readonly headers: AnswerHeaders;
  readonly body: AsyncIterable<Uint8Array>;
  /** Drops the body unread. */
  readonly discard: () => void;
}

/** The one way to a vendor's network: nothing else in this package calls it. */
export interface Door {
  /** Sends a call and reads the whole answer: 2xx or 4xx. Every other outcome throws a `ValetKeyError`. */
  readonly send: (call: DoorCall) => Promise<Answer>;
  /** Sends a call and hands the answer over once its headers are there: 2xx, 304 or 4xx. */
  readonly stream: (call: StreamCall) => Promise<StreamAnswer>;
  readonly close: () => Promise<void>;
}

type Response = Dispatcher.ResponseData;

type OwnHeaders = Readonly<Record<string, string>>;

interface Run<Result> {
  readonly result: Result;
  readonly deadline: Deadline;
  readonly explain: (failure: unknown) => unknown;
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
    discard(response.body);
    throw refused;
  }

  /** Runs a call inside its place, its deadline and its attempts. Whoever gets the result stops the deadline. */
  async function run<Result>(
    call: DoorCall | StreamCall,
    send: (body: CallerBody['body'], deadline: Deadline) => Promise<Result>,
  ): Promise<Run<Result>> {
    call.signal?.throwIfAborted();
    const { turn, waitedMs, leave } = bulkhead.enter();
    const deadline = new Deadline({ vendor, timeoutMs, caller: call.signal, onOver: leave });
    const { body, isAwaited } = toCallerBody(typeof call.body === 'function' ? undefined : call.body);
    const explain = (failure: unknown): unknown => {
      const ended = deadline.explain() ?? describeNetworkFailure(failure, vendor);
      if (!isTimeout(ended)) return ended;
      if (isAwaited()) return slowCallerError(vendor);
      return waitedMs() > timeoutMs / 2 ? waitedInVainError(vendor) : ended;
    };
    try {
      if (turn !== undefined) await deadline.waitFor(turn);
      const result = await attempts.run({
        send: () => send(body, deadline),
        explain,
        repeatable: call.repeatable ?? false,
        wait: (milliseconds) => deadline.waitFor(setTimeout(milliseconds, undefined, { ref: false })),
      });
      return { result, deadline, explain };
    } catch (failure) {
      deadline.stop();
      throw explain(failure);
    }
  }

  return {
    async send(call) {
      const { result, deadline } = await run(call, async (body, deadline) => {
        const request = toRequest(call, typeof call.body === 'function' ? call.body() : body, wholeHeaders);
        return await decoded(await exchange(dispatcher, request, { vendor, deadline, unusable }));
      });
      deadline.stop();
      return result;
    },

    async stream(call) {
      const { result, deadline, explain } = await run(call, (body, deadline) => ask(call, body, deadline));
      const { statusCode: status, headers, body } = result;
      deadline.extend(call.bodyTimeoutMs);
      return {
        vendor,
        status,
        headers,
        body: guardBody(body, explain, () => deadline.stop()),
        discard: () => {
          deadline.stop();
          discard(body);
        },
      };
    },

    close: async () => await pool?.close(),
  };
}

/** An answer whose body is what the vendor meant. */
async function decoded(answer: Answer): Promise<Answer> {
  const encoding = answer.headers['content-encoding'];
  if (!isEncoded(encoding)) return answer;
  return { ...answer, body: await decodeBody(answer.vendor, answer.body, encoding) };
}

/** Reads a short rest so that the connection can be used again, and cuts off a long one. */
function discard(body: Response['body']): void {
  body.dump({ limit: longestRestBytes, signal: AbortSignal.timeout(longestRestMs) }).catch(() => undefined);
}

async function* guardBody(
  body: Response['body'],
  explain: (failure: unknown) => unknown,
  stop: () => void,
): AsyncGenerator<Uint8Array> {
  try {
    yield* body;
  } catch (failure) {
    throw explain(failure);
  } finally {
    stop();
  }
}
