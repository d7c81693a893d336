import { EventEmitter } from 'node:events';
import type { Dispatcher } from 'undici';
import type { Deadline } from './deadline.ts';
import { describeNetworkFailure } from './network-failure.ts';
import {
  invalidResponseError,
  maxUnwantedBytes,
  maxUnwantedMs,
  type ResponseHeaders,
  type VendorName,
} from './response.ts';

/** A response whose body is still being received. */
export interface StreamedResponse {
  readonly vendor: VendorName;
  readonly status: number;
  readonly headers: ResponseHeaders;
  /** Has what is left of the operation's time. Reading it to its end, or leaving it, ends the call. */
  readonly body: AsyncIterable<Uint8Array>;
  /** Gives the body this many milliseconds from now instead. */
  readonly extend: (timeoutMs: number) => void;
  /** Drops the body unread. */
  readonly discard: () => void;
}

type Head = Dispatcher.ResponseData;

/** Sends a request and resolves with its response once the headers are there. */
export async function requestHead(
  dispatcher: Dispatcher,
  request: Dispatcher.RequestOptions,
  deadline: Deadline,
  unusable: (status: number, headers: ResponseHeaders) => Error | undefined,
): Promise<Head> {
  const signal = new EventEmitter();
  const head = await new Promise<Head>((resolve, reject) => {
    deadline.onEnd(() => {
      signal.emit('abort');
      // undici would report the end of a call that waits for a connection only when it gets one.
      reject(deadline.explain());
    });
    dispatcher.request({ ...request, signal }).then(resolve, reject);
  });
  const refused = unusable(head.statusCode, head.headers);
  if (refused === undefined) return head;
  discardBody(head.body);
  throw refused;
}

interface StreamOptions {
  readonly vendor: VendorName;
  readonly deadline: Deadline;
  readonly method: string;
  /** Bytes that the body may have. */
  readonly maxBytes: number;
}

/** Returns the response to hand over. Throws `vendor_response_invalid` if its body is too long by its own `Content-Length`. */
export function toStreamedResponse(
  { statusCode: status, headers, body }: Head,
  options: StreamOptions,
): StreamedResponse {
  const { vendor, deadline, method, maxBytes } = options;
  const discard = (): void => {
    deadline.stop();
    discardBody(body);
  };
  const hasBody = method !== 'HEAD' && status !== 204 && status !== 304;
  if (hasBody && Number(headers['content-length'] ?? 0) > maxBytes) {
    discard();
    throw invalidResponseError(vendor, 'body_too_long');
  }
  return {
    vendor,
    status,
    headers,
    body: streamBody(body, options),
    extend: (timeoutMs) => deadline.extend(timeoutMs),
    discard,
  };
}

/**
 * Returns the body for its reader. It is no generator, because leaving a generator before its first step does not run its
 * `finally`, so that the call would keep its connection.
 */
function streamBody(
  body: Head['body'],
  { vendor, deadline, maxBytes }: StreamOptions,
): AsyncIterableIterator<Uint8Array> {
  let chunks: AsyncIterator<Uint8Array> | undefined;
  let length = 0;

  const leave = (): void => {
    deadline.stop();
    if (chunks === undefined) discardBody(body);
    // `chunks.return()` would wait for a pending step. The error that this step fails with is no longer of interest.
    else body.on('error', () => undefined).destroy();
  };

  return {
    async next() {
      chunks ??= body[Symbol.asyncIterator]() as AsyncIterator<Uint8Array>;
      let step: IteratorResult<Uint8Array>;
      try {
        step = await chunks.next();
      } catch (failure) {
        deadline.stop();
        throw deadline.explain() ?? describeNetworkFailure(failure, vendor);
      }
      if (step.done === true) {
        deadline.stop();
        return step;
      }
      length += step.value.length;
      if (length <= maxBytes) return step;
      leave();
      throw invalidResponseError(vendor, 'body_too_long');
    },
    async return() {
      leave();
      return { done: true, value: undefined };
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}

/** Reads a short body to its end, so that the connection can be used again, and cuts off a long one. */
function discardBody(body: Head['body']): void {
  body.dump({ limit: maxUnwantedBytes, signal: AbortSignal.timeout(maxUnwantedMs) }).catch(() => undefined);
}
