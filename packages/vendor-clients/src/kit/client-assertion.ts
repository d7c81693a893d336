import { randomUUID, sign, type KeyObject } from 'node:crypto';

/** The claims of a client assertion, and the key that signs it (RFC 7523 section 3). */
export interface ClientAssertion {
  readonly clientId: string;
  readonly privateKey: KeyObject;
  /** The `kid` of the key, if the client has published several keys. */
  readonly keyId?: string | undefined;
  /** The token endpoint. */
  readonly audience: string;
  /** The time of issue, in milliseconds since 1970. */
  readonly nowMs: number;
}

/**
 * An assertion is used at once. Both bounds allow for a difference between the clocks of two machines: many vendors refuse an
 * assertion that was issued in their future.
 */
const backdatedSeconds = 30;
const lifetimeSeconds = 90;

/**
 * Returns an assertion that authenticates a client for one request (RFC 7523 section 2.2), signed with RS256. Its `iat` is
 * half a minute before `nowMs`, and it expires a minute after `nowMs`.
 *
 * @example
 * ```ts
 * const authenticate = (nowMs: number) => ({
 *   client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
 *   client_assertion: signClientAssertion({ clientId, privateKey, audience: tokenUrl, nowMs }),
 * });
 * ```
 */
export function signClientAssertion({ clientId, privateKey, keyId, audience, nowMs }: ClientAssertion): string {
  const encode = (part: object): string => Buffer.from(JSON.stringify(part)).toString('base64url');
  const iat = Math.floor(nowMs / 1_000) - backdatedSeconds;
  const header = encode({ alg: 'RS256', typ: 'JWT', kid: keyId });
  const payload = encode({
    iss: clientId,
    sub: clientId,
    aud: audience,
    jti: randomUUID(),
    iat,
    exp: iat + lifetimeSeconds,
  });
  const signature = sign('RSA-SHA256', Buffer.from(`${header}.${payload}`), privateKey);
  return `${header}.${payload}.${signature.toString('base64url')}`;
}
