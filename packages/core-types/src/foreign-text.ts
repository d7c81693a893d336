/**
 * Parses JSON that another program wrote. One byte order mark at its start is dropped, because RFC 8259 section 8.1 allows a
 * parser to ignore it and some servers and editors write it. Throws a `SyntaxError`, whose message quotes the text.
 */
export function parseForeignJson(text: string | Uint8Array): unknown {
  const decoded = typeof text === 'string' ? text : Buffer.from(text.buffer, text.byteOffset, text.length).toString();
  return JSON.parse(decoded.startsWith('\uFEFF') ? decoded.slice(1) : decoded) as unknown;
}

const uuid = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/**
 * Returns whether two values are the same identifier. Two UUIDs are compared without case (RFC 9562 section 4), because
 * programs write them in either; every other identifier is compared to the letter.
 *
 * @example
 * ```ts
 * import { isSameIdentifier } from '@valetkey/core-types';
 *
 * if (!isSameIdentifier(response.user_id, userId)) throw new Error('another user');
 * ```
 */
export function isSameIdentifier(one: unknown, other: unknown): boolean {
  if (one === other) return typeof one === 'string';
  if (typeof one !== 'string' || typeof other !== 'string') return false;
  return uuid.test(one) && uuid.test(other) && one.toLowerCase() === other.toLowerCase();
}
