import { codeOfForeignError } from '@valetkey/core-types';

/** A call to an identity provider without a usable response. */
export class FetchFailure extends Error {
  /** A short word of our own for the log (`timeout`, `status_503`, `ECONNREFUSED`), never foreign text. */
  readonly reason: string;
  /** The HTTP status, where the provider responded with another status than 200. */
  readonly status: number | undefined;

  constructor(reason: string, status?: number) {
    super(reason);
    this.name = 'FetchFailure';
    this.reason = reason;
    this.status = status;
  }
}

/** The bounds of one call to an identity provider, and the `fetch` that makes it. */
export interface FetchBounds {
  readonly fetch: typeof globalThis.fetch;
  /** Milliseconds for the whole response, body included. */
  readonly timeoutMs: number;
  /** The largest body in bytes, after decompression. */
  readonly maxBytes: number;
  /** Aborts the call: the verifier was closed. */
  readonly signal: AbortSignal;
}

/** Returns our word for a rejection of `fetch`: the error code of the system or of undici, where there is one. */
function reasonOf(error: unknown): string {
  const cause: unknown = error instanceof Error ? error.cause : undefined;
  // undici gives a refused redirect no code. Its message is compared, never copied.
  if (cause instanceof Error && cause.message === 'unexpected redirect') return 'redirect';
  return codeOfForeignError(cause) ?? 'network_error';
}

async function readBody(body: ReadableStream<Uint8Array> | null, maxBytes: number): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of body ?? []) {
    bytes += chunk.byteLength;
    // Leaving the loop cancels the stream, and with it the download.
    if (bytes > maxBytes) throw new FetchFailure('too_large');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

/**
 * Calls an identity provider within the bounds and reads its 200 response. Redirects are errors.
 *
 * @param read - Receives the response and a function that reads its body within the bounds.
 * @throws {FetchFailure} For any other outcome.
 */
export async function fetchBounded<Result>(
  url: string,
  init: RequestInit,
  { fetch, timeoutMs, maxBytes, signal: closing }: FetchBounds,
  read: (response: Response, readText: () => Promise<string>) => Promise<Result> | Result,
): Promise<Result> {
  const timeout = AbortSignal.timeout(timeoutMs);
  const signal = AbortSignal.any([timeout, closing]);
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const onAbort = (): void => reject(new FetchFailure(timeout.aborted ? 'timeout' : 'closed'));
  signal.addEventListener('abort', onAbort, { once: true });
  const call = async (): Promise<Result> => {
    const response = await fetch(url, { ...init, redirect: 'error', credentials: 'omit', signal });
    if (response.status !== 200) {
      await response.body?.cancel();
      throw new FetchFailure(`status_${response.status}`, response.status);
    }
    return read(response, () => readBody(response.body, maxBytes));
  };
  try {
    // The race keeps the bound even where an injected fetch ignores its signal.
    return await Promise.race([call(), aborted]);
  } catch (error) {
    if (signal.aborted) throw new FetchFailure(timeout.aborted ? 'timeout' : 'closed');
    throw error instanceof FetchFailure ? error : new FetchFailure(reasonOf(error));
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

/**
 * Fetches a JSON document within the bounds.
 *
 * @throws {FetchFailure} Unless the response is a 200 with JSON.
 */
export function fetchJson(url: string, init: RequestInit, bounds: FetchBounds): Promise<unknown> {
  const headers = new Headers(init.headers);
  headers.set('accept', 'application/json');
  return fetchBounded(url, { ...init, headers }, bounds, async (_response, readText) => {
    const text = await readText();
    try {
      return JSON.parse(text) as unknown;
    } catch {
      throw new FetchFailure('not_json');
    }
  });
}
