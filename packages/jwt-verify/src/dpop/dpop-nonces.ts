import { createHmac, timingSafeEqual } from 'node:crypto';

/** How long a nonce is handed out, in seconds; it is taken for one such span more. */
const spanSeconds = 300;

/** Makes and recognises DPoP nonces (RFC 9449, section 9) without storing any. */
export interface DpopNonces {
  /** The nonce that proofs should carry now. */
  readonly current: () => string;
  readonly isCurrent: (nonce: string) => boolean;
}

/** Nonces of all who share the `key` are the same, so that replicas take each other's. */
export function createDpopNonces(key: Uint8Array, nowSeconds: () => number): DpopNonces {
  const nonceOf = (span: number): string => createHmac('sha256', key).update(String(span)).digest('base64url');
  const spanNow = (): number => Math.floor(nowSeconds() / spanSeconds);
  const equals = (left: string, right: string): boolean =>
    left.length === right.length && timingSafeEqual(Buffer.from(left), Buffer.from(right));
  return {
    current: () => nonceOf(spanNow()),
    isCurrent: (nonce) => [0, 1].some((back) => equals(nonceOf(spanNow() - back), nonce)),
  };
}
