import { adviseOnNetworkError, codeOfForeignError, connectionDropped } from '@valetkey/core-types';

/** What is known about a failed call besides its reason. */
interface FetchFailureOptions {
  readonly detail?: string;
  readonly isMiss?: boolean;
}

/** The failure of a call to an identity provider: there is no usable response. */
export class FetchFailure extends Error {
  /** A short word for the log (`timeout`, `status_503`, `ECONNREFUSED`), never text of the provider or of a library. */
  readonly reason: string;
  /** A sentence for the operator, in our own words and with URLs of the configuration, if the reason says too little. */
  readonly detail: string | undefined;
  /**
   * Whether the provider has something else at the URL than the document: a page, a redirect, or a response that the URL is
   * wrong. False for an outage, which does not tell what is there.
   */
  readonly isMiss: boolean;

  constructor(reason: string, { detail, isMiss = false }: FetchFailureOptions = {}) {
    super(reason);
    this.name = 'FetchFailure';
    this.reason = reason;
    this.detail = detail;
    this.isMiss = isMiss;
  }
}

/** The dependencies of a call to an identity provider, and the bounds of the call. */
export interface FetchDependencies {
  readonly fetch: typeof globalThis.fetch;
  /** Milliseconds for the whole response, body included. */
  readonly timeoutMs: number;
  /** The largest body in bytes, after decompression. */
  readonly maxBytes: number;
  /** Aborts the call when the verifier is closed. */
  readonly signal: AbortSignal;
}

const minServerErrorStatus = 500;

/** Returns the failure for an error of `fetch`. Its reason is the error code of the system or of undici, if there is one. */
function failureOf(error: unknown): FetchFailure {
  const cause: unknown = error instanceof Error ? error.cause : undefined;
  // The error of undici for a refused redirect has no code. Its message is compared, never copied.
  if (cause instanceof Error && cause.message === 'unexpected redirect') {
    return new FetchFailure('redirect', { isMiss: true });
  }
  const code = codeOfForeignError(cause) ?? 'network_error';
  const detail = adviseOnNetworkError(cause);
  return new FetchFailure(code, detail === undefined ? {} : { detail });
}

async function readBody(body: ReadableStream<Uint8Array> | null, maxBytes: number): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of body ?? []) {
    bytes += chunk.byteLength;
    // Leaving the loop cancels the stream, and with it the download.
    if (bytes > maxBytes) throw new FetchFailure('too_large', { isMiss: true });
    chunks.push(chunk);
  }
  // It drops one byte order mark, as RFC 8259 section 8.1 allows for JSON.
  return new TextDecoder().decode(Buffer.concat(chunks));
}

/**
 * Calls an identity provider and reads its response. Both together must end within `timeoutMs`. A redirect is a failure, and
 * so is any other status than 200.
 *
 * @param read - Receives the response, and a function that reads at most `maxBytes` of its body.
 * @throws {FetchFailure} If there is no usable response.
 */
export async function fetchBounded<Result>(
  url: string,
  init: RequestInit,
  { fetch, timeoutMs, maxBytes, signal: closing }: FetchDependencies,
  read: (response: Response, readText: () => Promise<string>) => Promise<Result> | Result,
): Promise<Result> {
  const timeout = AbortSignal.timeout(timeoutMs);
  const signal = AbortSignal.any([timeout, closing]);
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const abortFailure = (): FetchFailure => new FetchFailure(timeout.aborted ? 'timeout' : 'closed');
  const onAbort = (): void => reject(abortFailure());
  signal.addEventListener('abort', onAbort, { once: true });
  const call = async (): Promise<Result> => {
    const response = await fetch(url, { ...init, redirect: 'error', credentials: 'omit', signal });
    if (response.status !== 200) {
      await response.body?.cancel();
      const { status } = response;
      throw new FetchFailure(`status_${status}`, { isMiss: status < minServerErrorStatus });
    }
    return read(response, () => readBody(response.body, maxBytes));
  };
  /** The network had dropped the idle connection, which says nothing about the provider. Sending a call twice does no harm. */
  const repeatIfDropped = (error: unknown): Promise<Result> => {
    if (error instanceof Error && codeOfForeignError(error.cause) === connectionDropped) return call();
    throw error;
  };
  try {
    // The race ends the call in time even if an injected `fetch` ignores its signal.
    return await Promise.race([call().catch(repeatIfDropped), aborted]);
  } catch (error) {
    if (signal.aborted) throw abortFailure();
    throw error instanceof FetchFailure ? error : failureOf(error);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

/**
 * Fetches a JSON document, as {@link fetchBounded} does.
 *
 * @throws {FetchFailure} Unless the response is a 200 with JSON.
 */
export function fetchJson(url: string, init: RequestInit, http: FetchDependencies): Promise<unknown> {
  const headers = new Headers(init.headers);
  // Some servers refuse a key set (RFC 7517 section 8.5) or an introspection to a client that does not accept its own type.
  headers.set('accept', 'application/json, application/jwk-set+json, application/*+json;q=0.9');
  return fetchBounded(url, { ...init, headers }, http, async (_response, readText) => {
    const text = await readText();
    try {
      return JSON.parse(text) as unknown;
    } catch {
      throw new FetchFailure('not_json', { isMiss: true });
    }
  });
}
