import { createPrivateKey, randomUUID, sign, type KeyObject } from 'node:crypto';
import { z } from 'zod';

/** Parses a private RSA key in PEM (PKCS #8 or PKCS #1) into a key object, which prints nothing of the key. */
export const rsaPrivateKeySchema = z.string().transform((pem, context): KeyObject => {
  try {
    const key = createPrivateKey(pem.trim());
    const { modulusLength = 0 } = key.asymmetricKeyDetails ?? {};
    if (key.asymmetricKeyType === 'rsa' && modulusLength >= 2_048) return key;
  } catch {
    // The parser's error would quote the key.
  }
  context.addIssue({ code: 'custom', message: 'must be a private RSA key of at least 2048 bits in PEM' });
  return z.NEVER;
});

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

/** An assertion is used at once. The minute allows for a difference between the clocks of two machines. */
const lifetimeSeconds = 60;

/**
 * Returns an assertion that authenticates a client for one request (RFC 7523 section 2.2), signed with RS256.
 *
 * @example
 * ```ts
 * const client_assertion = signClientAssertion({ clientId, privateKey, audience: tokenUrl, nowMs: clock.nowMs() });
 * ```
 */
export function signClientAssertion({ clientId, privateKey, keyId, audience, nowMs }: ClientAssertion): string {
  const encode = (part: object): string => Buffer.from(JSON.stringify(part)).toString('base64url');
  const iat = Math.floor(nowMs / 1_000);
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
