import { createHash } from 'node:crypto';

/** Tells one credential from another without being one. */
export function fingerprint(...parts: readonly string[]): string {
  return createHash('sha256').update(JSON.stringify(parts)).digest('base64url').slice(0, 16);
}
