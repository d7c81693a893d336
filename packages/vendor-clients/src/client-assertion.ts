import { createPrivateKey, randomUUID, sign, type KeyObject } from 'node:crypto';
import { z } from 'zod';

/** A private RSA key as an operator writes it: PEM (PKCS #8 or PKCS #1). Becomes a key object, which prints nothing. */
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

/** Who asserts what to whom (RFC 7523 section 3). */
export interface ClientAssertion {
  readonly clientId: string;
  readonly privateKey: KeyObject;
  /** Names the key where the client has published several. */
  readonly keyId?: string | undefined;
  /** The token endpoint. */
  readonly audience: string;
  readonly nowMs: number;
}

/** Short, for it is used at once; the clocks of two machines may differ by less. */
const lifetimeSeconds = 60;

/** Signs an assertion that authenticates a client (RFC 7523 section 2.2), by RS256. Each is good for one call. */
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
