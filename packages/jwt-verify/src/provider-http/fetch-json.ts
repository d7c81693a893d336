/** A fetch that brought nothing usable; `reason` is a short word of our own, never foreign text. */
export class FetchFailure extends Error {
  readonly reason: string;

  constructor(reason: string) {
    super(reason);
    this.name = 'FetchFailure';
    this.reason = reason;
  }
}

/** How far one call to an identity provider may go. */
export interface FetchBounds {
  readonly fetch: typeof globalThis.fetch;
  /** Milliseconds for the whole answer, body included. */
  readonly timeoutMs: number;
  /** Bytes of the body, after decompression. */
  readonly maxBytes: number;
  /** Ends the call early. */
  readonly signal: AbortSignal;
}

/** A word for why `fetch` rejected: a system error code, where there is one. */
function failureWord(error: unknown): string {
  const cause: unknown = error instanceof Error ? error.cause : undefined;
  if (cause instanceof Error) {
    if (cause.message === 'unexpected redirect') return 'redirect';
    const code = 'code' in cause ? cause.code : undefined;
    if (typeof code === 'string' && /^[A-Z][A-Z0-9_]{2,40}$/.test(code)) return code;
  }
  return 'network_error';
}

async function readBounded(body: ReadableStream<Uint8Array> | null, maxBytes: number): Promise<string> {
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

/** Makes one bounded call: redirects are errors, and neither a slow nor an endless answer is waited for. */
export async function fetchBounded<Result>(
  url: string,
  init: RequestInit,
  bounds: FetchBounds,
  read: (response: Response, readText: () => Promise<string>) => Promise<Result> | Result,
): Promise<Result> {
  const timeout = AbortSignal.timeout(bounds.timeoutMs);
  const signal = AbortSignal.any([timeout, bounds.signal]);
  const { promise: ended, reject: end } = Promise.withResolvers<never>();
  const onAbort = (): void => end(new FetchFailure(timeout.aborted ? 'timeout' : 'closed'));
  signal.addEventListener('abort', onAbort, { once: true });
  const call = async (): Promise<Result> => {
    const { fetch } = bounds;
    const response = await fetch(url, { ...init, redirect: 'error', credentials: 'omit', signal });
    return read(response, () => readBounded(response.body, bounds.maxBytes));
  };
  try {
    // The race holds the bound even where an injected fetch does not heed its signal.
    return await Promise.race([call(), ended]);
  } catch (error) {
    if (signal.aborted) throw new FetchFailure(timeout.aborted ? 'timeout' : 'closed');
    throw error instanceof FetchFailure ? error : new FetchFailure(failureWord(error));
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

/** Fetches a JSON document that is answered with 200. */
export function fetchJson(url: string, init: RequestInit, bounds: FetchBounds): Promise<unknown> {
  const headers = new Headers(init.headers);
  headers.set('accept', 'application/json');
  return fetchBounded(url, { ...init, headers }, bounds, async (response, readText) => {
    if (response.status !== 200) {
      await response.body?.cancel();
      throw new FetchFailure(`status_${response.status}`);
    }
    const text = await readText();
    try {
      return JSON.parse(text) as unknown;
    } catch {
      throw new FetchFailure('not_json');
    }
  });
}
