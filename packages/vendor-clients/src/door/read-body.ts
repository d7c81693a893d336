import { promisify } from 'node:util';
import { brotliDecompress, unzip } from 'node:zlib';
import { invalidAnswer, type VendorName } from './answer.ts';

/** Most bytes that an answer may have, before and after decompression. */
export const longestBodyBytes = 256 * 1024;

const decoders: Readonly<Record<string, (body: Buffer, options: { maxOutputLength: number }) => Promise<Buffer>>> = {
  gzip: promisify(unzip),
  'x-gzip': promisify(unzip),
  deflate: promisify(unzip),
  br: promisify(brotliDecompress),
};

/** Collects a whole body; throws `vendor_response_invalid` as soon as it is longer than {@link longestBodyBytes}. */
export async function readBody(
  vendor: VendorName,
  body: AsyncIterable<Uint8Array>,
  encoding: string | undefined,
): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of body) {
    length += chunk.length;
    // Leaving the loop destroys the body, and with it the connection that would go on sending.
    if (length > longestBodyBytes) throw invalidAnswer(vendor, 'body_too_long');
    chunks.push(chunk);
  }
  const whole = Buffer.concat(chunks, length);
  if (encoding === undefined || encoding === 'identity' || length === 0) return whole;
  const decoder = decoders[encoding.toLowerCase()];
  try {
    if (decoder !== undefined) return await decoder(whole, { maxOutputLength: longestBodyBytes });
  } catch {
    // The decoder's error says nothing that its reason does not.
  }
  throw invalidAnswer(vendor, 'content_encoding');
}
