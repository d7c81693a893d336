import { promisify } from 'node:util';
import { brotliDecompress, unzip, zstdDecompress } from 'node:zlib';
import { invalidResponseError, maxBodyBytes, type VendorName } from './response.ts';

const decoders: Readonly<Record<string, (body: Buffer, options: { maxOutputLength: number }) => Promise<Buffer>>> = {
  gzip: promisify(unzip),
  'x-gzip': promisify(unzip),
  deflate: promisify(unzip),
  br: promisify(brotliDecompress),
  zstd: promisify(zstdDecompress),
};

/** Collects a streamed body and decodes it. Rejects with `vendor_response_invalid` as {@link decodeBody} does. */
export async function readBody(
  vendor: VendorName,
  body: AsyncIterable<Uint8Array>,
  encoding: string | string[] | undefined,
): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of body) {
    length += chunk.length;
    if (length > maxBodyBytes) throw invalidResponseError(vendor, 'body_too_long');
    chunks.push(chunk);
  }
  return decodeBody(vendor, Buffer.concat(chunks, length), encoding);
}

/**
 * Decodes a body by its `Content-Encoding`. Rejects with `vendor_response_invalid` if the encoding is unknown, if the body
 * does not have it, or if the decoded body is longer than {@link maxBodyBytes}.
 */
export async function decodeBody(
  vendor: VendorName,
  body: Buffer,
  encoding: string | string[] | undefined,
): Promise<Buffer> {
  if (body.length === 0 || encoding === undefined || encoding === 'identity') return body;
  const decoder = decoders[String(encoding).toLowerCase()];
  try {
    if (decoder !== undefined) return await decoder(body, { maxOutputLength: maxBodyBytes });
  } catch {
    // The decoder's error says no more than the reason below.
  }
  throw invalidResponseError(vendor, 'content_encoding');
}
