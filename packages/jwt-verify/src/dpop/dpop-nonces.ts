import { createHmac, timingSafeEqual } from 'node:crypto';

/** Seconds during which a nonce is sent to callers. A proof with that nonce is accepted for as many seconds more. */
const spanSeconds = 300;

/** Creates and checks DPoP nonces (RFC 9449 section 9) without storing any. */
export interface DpopNonces {
  /** Returns the nonce that proofs should carry now. */
  readonly current: () => string;
  /** Returns whether a nonce is the current one or the one before it. */
  readonly isAccepted: (nonce: string) => boolean;
}

/** Creates nonces from a key. Replicas with the same key accept each other's nonces. */
export function createDpopNonces(key: Uint8Array, nowSeconds: () => number): DpopNonces {
  const nonceOf = (span: number): string => createHmac('sha256', key).update(String(span)).digest('base64url');
  const currentSpan = (): number => Math.floor(nowSeconds() / spanSeconds);
  const equals = (left: Buffer, right: Buffer): boolean => left.length === right.length && timingSafeEqual(left, right);
  return {
    current: () => nonceOf(currentSpan()),
    isAccepted: (nonce) =>
      [0, 1].some((spansAgo) => equals(Buffer.from(nonceOf(currentSpan() - spansAgo)), Buffer.from(nonce))),
  };
}
