import type { Secret } from '@valetkey/core-types';
import type { VendorResponse } from './door/response.ts';
import { remainingSeconds } from './lifetime.ts';

/**
 * Returns the claims of a JWT, or undefined for any other text. The signature is not verified: the token is for another
 * party, and only its times and its user are read.
 */
export function readJwtPayload(token: string): Readonly<Record<string, unknown>> | undefined {
  const start = token.indexOf('.') + 1;
  const end = token.indexOf('.', start);
  try {
    const payload = JSON.parse(Buffer.from(token.slice(start, end), 'base64url').toString()) as unknown;
    return typeof payload === 'object' && payload !== null ? { ...payload } : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Returns the whole seconds, at most `maxSeconds`, until a JWT of a response expires, or undefined if the token does not say:
 * its `iat` and `exp`, read as {@link remainingSeconds} does. Throws `vendor_response_invalid` for an expired token.
 *
 * @example
 * ```ts
 * const expiresInSeconds = remainingLifeSeconds(response, token, 3_600) ?? 300;
 * ```
 */
export function remainingLifeSeconds(
  response: Pick<VendorResponse, 'vendor' | 'headers'>,
  token: Secret,
  maxSeconds?: number,
): number | undefined {
  const { iat: issuedAt, exp: expiresAt } = readJwtPayload(token.reveal()) ?? {};
  return remainingSeconds(response, { issuedAt, expiresAt }, maxSeconds);
}
