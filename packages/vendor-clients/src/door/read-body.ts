import { promisify } from 'node:util';
import { brotliDecompress, unzip, zstdDecompress } from 'node:zlib';
import { invalidAnswer, type VendorName } from './answer.ts';

/** Most bytes that an answer may have, before and after decompression. */
export const longestBodyBytes = 256 * 1024;

const decoders: Readonly<Record<string, (body: Buffer, options: { maxOutputLength: number }) => Promise<Buffer>>> = {
  gzip: promisify(unzip),
  'x-gzip': promisify(unzip),
  deflate: promisify(unzip),
  br: promisify(brotliDecompress),
  zstd: promisify(zstdDecompress),
};

/** Collects a streamed body and decodes it. Rejects with `vendor_response_invalid`, as {@link decodeBody}. */
export async function readBody(
  vendor: VendorName,
  body: AsyncIterable<Uint8Array>,
  encoding: string | string[] | undefined,
): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of body) {
    length += chunk.length;
    if (length > longestBodyBytes) throw invalidAnswer(vendor, 'body_too_long');
    chunks.push(chunk);
  }
  return decodeBody(vendor, Buffer.concat(chunks, length), encoding);
}

/** Whether a body is not what its sender meant until it is decoded. */
export function isEncoded(encoding: string | string[] | undefined): boolean {
  return encoding !== undefined && encoding !== 'identity';
}

/**
 * Undoes `Content-Encoding`. Rejects with `vendor_response_invalid` where that cannot be done, or where the body grows
 * longer than {@link longestBodyBytes}.
 */
export async function decodeBody(
  vendor: VendorName,
  body: Buffer,
  encoding: string | string[] | undefined,
): Promise<Buffer> {
  if (body.length === 0 || !isEncoded(encoding)) return body;
  const decoder = decoders[String(encoding).toLowerCase()];
  try {
    if (decoder !== undefined) return await decoder(body, { maxOutputLength: longestBodyBytes });
  } catch {
    // The decoder's error says nothing that its reason does not.
  }
  throw invalidAnswer(vendor, 'content_encoding');
}
