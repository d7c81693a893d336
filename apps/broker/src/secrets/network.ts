import { adviseOnNetworkError, codeOfForeignError } from '@valetkey/core-types';

/** Describes a failure of `fetch` in parentheses, followed by what to do about it, without a text of another program. */
export function describeNetworkFailure(error: unknown): string {
  const cause: unknown = error instanceof Error ? (error.cause ?? error) : undefined;
  const advice = adviseOnNetworkError(cause);
  return `(${codeOfForeignError(cause) ?? 'network error'})${advice === undefined ? '' : `. ${advice}`}`;
}

/** Reads the body of a response. Rejects if it has more than `maxBytes`. */
export async function readBytes({ body }: Response, maxBytes: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of (body ?? []) as AsyncIterable<Uint8Array>) {
    bytes += chunk.byteLength;
    // Leaving the loop cancels the stream, and with it the download.
    if (bytes > maxBytes) throw Object.assign(new Error('The response is too long.'), { code: 'RESPONSE_TOO_LONG' });
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
