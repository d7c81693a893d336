import { EventEmitter } from 'node:events';
import type { Dispatcher } from 'undici';
import type { Deadline } from './call-limits.ts';
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
  /** The vendor's base URL, and the URL that was called. */
  readonly source: { readonly baseUrl: string; readonly url: string };
  /** Has the remaining time of the operation. The call ends when the reader reads the body to its end or stops reading. */
  readonly body: AsyncIterable<Uint8Array>;
  /** Sets the time for the rest of the body, in milliseconds from now. */
  readonly extend: (timeoutMs: number) => void;
  /** Drops the body unread. */
  readonly discard: () => void;
}

type Head = Dispatcher.ResponseData;

/** Sends a request and resolves with its response when the headers have arrived. */
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
      // undici would report the end of a call that waits for a socket only when the call receives one.
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
  readonly source: StreamedResponse['source'];
  /** The most bytes that the body may have. */
  readonly maxBytes: number;
}

/** Returns the streamed response. Throws `vendor_response_invalid` if the body is too long by its `Content-Length`, or encoded for its transfer. */
export function toStreamedResponse(
  { statusCode: status, headers, body }: Head,
  options: StreamOptions,
): StreamedResponse {
  const { vendor, deadline, method, source, maxBytes } = options;
  const discard = (): void => {
    deadline.stop();
    discardBody(body);
  };
  // Nothing would tell the caller that the body is encoded.
  if (!/^chunked$/i.test(String(headers['transfer-encoding'] ?? 'chunked'))) {
    discard();
    throw invalidResponseError(vendor, 'transfer_encoding');
  }
  const hasBody = method !== 'HEAD' && status !== 204 && status !== 304;
  if (hasBody && Number(headers['content-length'] ?? 0) > maxBytes) {
    discard();
    throw invalidResponseError(vendor, 'body_too_long');
  }
  return {
    vendor,
    status,
    headers,
    source,
    body: streamBody(body, options),
    extend: (timeoutMs) => deadline.extend(timeoutMs),
    discard,
  };
}

/**
 * Returns an iterator of the body. It is no generator: if the reader stopped before the first step of a generator, its
 * `finally` would not run, and the call would keep its socket.
 */
function streamBody(
  body: Head['body'],
  { vendor, deadline, maxBytes }: StreamOptions,
): AsyncIterableIterator<Uint8Array> {
  let chunks: AsyncIterator<Uint8Array> | undefined;
  let length = 0;

  const stopReading = (): void => {
    deadline.stop();
    if (chunks === undefined) discardBody(body);
    // `chunks.return()` would wait for a pending step. That step now fails, and its error is ignored.
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
      stopReading();
      throw invalidResponseError(vendor, 'body_too_long');
    },
    async return() {
      stopReading();
      return { done: true, value: undefined };
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}

/** Reads a short body to its end, so that the socket can be used again, and cuts off a long one. */
function discardBody(body: Head['body']): void {
  body.dump({ limit: maxUnwantedBytes, signal: AbortSignal.timeout(maxUnwantedMs) }).catch(() => undefined);
}
