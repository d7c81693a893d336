import { createHmac, timingSafeEqual } from 'node:crypto';

/** Seconds for which a nonce is given out. It is accepted for as long again. */
const spanSeconds = 300;

/** Derives and recognises DPoP nonces (RFC 9449 section 9) without storing any. */
export interface DpopNonces {
  /** Returns the nonce that proofs should carry now. */
  readonly current: () => string;
  readonly isCurrent: (nonce: string) => boolean;
}

/** Creates the nonces of a key: replicas with the same key accept each other's nonces. */
export function createDpopNonces(key: Uint8Array, nowSeconds: () => number): DpopNonces {
  const nonceOf = (span: number): string => createHmac('sha256', key).update(String(span)).digest('base64url');
  const currentSpan = (): number => Math.floor(nowSeconds() / spanSeconds);
  const equals = (left: string, right: string): boolean =>
    left.length === right.length && timingSafeEqual(Buffer.from(left), Buffer.from(right));
  return {
    current: () => nonceOf(currentSpan()),
    isCurrent: (nonce) => [0, 1].some((spansAgo) => equals(nonceOf(currentSpan() - spansAgo), nonce)),
  };
}
