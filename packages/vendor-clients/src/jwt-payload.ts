import { invalidAnswer, type Answer } from './door/answer.ts';

/**
 * The claims of a JWT, or nothing where it is none. The signature is not looked at: the token is another's, and nothing
 * but its age and whom it is about is read.
 */
export function readJwtPayload(token: string): Readonly<Record<string, unknown>> | undefined {
  const start = token.indexOf('.') + 1;
  const end = token.indexOf('.', start);
  try {
    const payload: unknown = JSON.parse(Buffer.from(token.slice(start, end), 'base64url').toString('utf8'));
    return typeof payload === 'object' && payload !== null ? { ...payload } : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Whole seconds for which a JWT from an answer still lives, or nothing where it does not say. By the vendor's own clock,
 * which is the answer's `Date` (RFC 9110 section 6.6.1): ours may go wrong, and a vendor may hand out a token that it
 * made earlier. Throws `vendor_response_invalid` for a token that has ended.
 */
export function remainingLifeSeconds({ vendor, headers }: Answer, token: string): number | undefined {
  const dateSeconds = Date.parse(String(headers['date'])) / 1_000;
  const { iat = dateSeconds, exp } = readJwtPayload(token) ?? {};
  if (typeof iat !== 'number' || typeof exp !== 'number' || Number.isNaN(iat)) return undefined;
  const ageSeconds = dateSeconds - iat;
  // Both count whole seconds, so that a token of this moment may seem one old. Without a date it is taken as new.
  const remainingSeconds = Math.floor(exp - iat - (ageSeconds > 1 ? ageSeconds : 0));
  if (!Number.isSafeInteger(remainingSeconds)) return undefined;
  if (remainingSeconds <= 0) throw invalidAnswer(vendor, 'token_expired');
  return remainingSeconds;
}
