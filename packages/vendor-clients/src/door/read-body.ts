import type { Readable } from 'node:stream';
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

/** Collects a whole body; rejects with `vendor_response_invalid` once it is longer than {@link longestBodyBytes}. */
export function readBody(vendor: VendorName, body: Readable, encoding: string | string[] | undefined): Promise<Buffer> {
  const whole = collect(vendor, body);
  return encoding === undefined || encoding === 'identity' ? whole : decode(vendor, whole, String(encoding));
}

async function decode(vendor: VendorName, whole: Promise<Buffer>, encoding: string): Promise<Buffer> {
  const body = await whole;
  const decoder = decoders[encoding.toLowerCase()];
  if (body.length === 0) return body;
  try {
    if (decoder !== undefined) return await decoder(body, { maxOutputLength: longestBodyBytes });
  } catch {
    // The decoder's error says nothing that its reason does not.
  }
  throw invalidAnswer(vendor, 'content_encoding');
}

/** By events: an async iterator would cost more than all else that the door does. */
function collect(vendor: VendorName, body: Readable): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let length = 0;
    body.on('error', reject);
    body.on('end', () => resolve(chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks, length)));
    body.on('data', (chunk: Buffer) => {
      length += chunk.length;
      chunks.push(chunk);
      // Destroying the body ends the connection that would go on sending.
      if (length > longestBodyBytes) body.destroy(invalidAnswer(vendor, 'body_too_long'));
    });
  });
}
