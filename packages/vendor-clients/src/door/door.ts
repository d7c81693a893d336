import { Readable } from 'node:stream';
import { systemClock, type CallOptions, type VendorEnvironment } from '@valetkey/core-types';
import { Pool, type Dispatcher } from 'undici';
import type { Answer, AnswerHeaders, VendorName } from './answer.ts';
import { startDeadline, type Deadline } from './deadline.ts';
import { describeNetworkFailure } from './network-failure.ts';
import { readBody } from './read-body.ts';
import { unusableStatus } from './unusable-status.ts';

/** What a vendor client is given to work with; each part has a default. */
export interface ClientEnvironment extends VendorEnvironment {
  /** Carries the calls in place of a connection pool of the client's own. Whoever gives it closes it. */
  readonly dispatcher?: Dispatcher | undefined;
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
  readonly body?: string | undefined;
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

/** The one way to a vendor's network: nothing else in this package calls undici. */
export interface Door {
  /** Sends a call and reads the whole answer: 2xx or 4xx. Every other outcome throws a `ValetKeyError`. */
  readonly send: (call: DoorCall) => Promise<Answer>;
  /** Sends a call and hands the answer over once its headers are there: 2xx, 304 or 4xx. */
  readonly stream: (call: StreamCall) => Promise<StreamAnswer>;
  readonly close: () => Promise<void>;
}

type Response = Dispatcher.ResponseData;

const maxConnections = 64;

/** Opens the door to one origin. It follows no redirects, and no call outlives its deadline. */
export function openDoor(options: DoorOptions, environment: ClientEnvironment = {}): Door {
  const { vendor, timeoutMs } = options;
  const { clock = systemClock } = environment;
  const { origin, pathname } = new URL(options.baseUrl);
  const basePath = pathname.replace(/\/+$/, '');
  const pool = environment.dispatcher === undefined ? createPool(origin, timeoutMs) : undefined;
  const dispatcher = environment.dispatcher ?? (pool as Pool);

  /** Gives an answer whose status the adapters can make sense of, and drops every other. */
  async function exchange(call: DoorCall | StreamCall, deadline: Deadline): Promise<Response> {
    const response = await dispatcher.request({
      origin,
      path: `${basePath}${call.path}` || '/',
      method: call.method as Dispatcher.HttpMethod,
      headers: { 'user-agent': 'valetkey', ...call.headers },
      body: toBody(call.body),
      signal: deadline.signal,
    });
    const unusable = unusableStatus(vendor, response.statusCode, response.headers, clock.nowMs());
    if (unusable === undefined) return response;
    discard(response.body);
    throw unusable;
  }

  function explain(failure: unknown, deadline: Deadline): unknown {
    return deadline.explain() ?? describeNetworkFailure(failure, vendor);
  }

  return {
    async send(call) {
      const deadline = startDeadline(vendor, timeoutMs, call.signal);
      try {
        const headers = { 'accept-encoding': 'identity', ...call.headers };
        const response = await exchange({ ...call, headers }, deadline);
        const body = await readBody(vendor, response.body, single(response.headers['content-encoding']));
        return { vendor, status: response.statusCode, headers: response.headers, body };
      } catch (failure) {
        throw explain(failure, deadline);
      } finally {
        deadline.stop();
      }
    },

    async stream(call) {
      const deadline = startDeadline(vendor, timeoutMs, call.signal);
      try {
        const { statusCode: status, headers, body } = await exchange(call, deadline);
        deadline.extend(call.bodyTimeoutMs);
        return {
          vendor,
          status,
          headers,
          body: guardBody(body, (failure) => explain(failure, deadline), deadline.stop),
          discard: () => {
            deadline.stop();
            discard(body);
          },
        };
      } catch (failure) {
        deadline.stop();
        throw explain(failure, deadline);
      }
    },

    close: async () => await pool?.close(),
  };
}

function createPool(origin: string, timeoutMs: number): Pool {
  return new Pool(origin, {
    connections: maxConnections,
    pipelining: 1,
    allowH2: false,
    // The total deadline of each call covers both.
    headersTimeout: 0,
    bodyTimeout: 0,
    connect: { timeout: timeoutMs },
  });
}

function toBody(body: DoorCall['body'] | StreamCall['body']): string | Uint8Array | Readable | null {
  if (body === undefined) return null;
  return typeof body === 'string' || body instanceof Uint8Array ? body : Readable.from(body, { objectMode: false });
}

/** Reads a short rest so that the connection can be used again, and cuts off a long one. */
function discard(body: Response['body']): void {
  body.dump({ limit: 16_384, signal: AbortSignal.timeout(1_000) }).catch(() => undefined);
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

function single(header: string | string[] | undefined): string | undefined {
  return Array.isArray(header) ? header.join(', ') : header;
}
