import { ValetKeyError } from '@valetkey/core-types';
import {
  revokedClaims,
  revokedId,
  revokedSubject,
  revokedText,
  type Revocation,
  type RevocationTarget,
} from './revocations.ts';
import { decodeText, hasCompactForm, splitToken } from '../token/token-text.ts';
import { parseStrictObject } from '../token/strict-json.ts';
import type { IssuerRecord } from '../verify/verify-token.ts';

/** Turns what an operator wants refused into an entry of the memory of revocations. */
export function planRevocation(
  target: RevocationTarget,
  issuers: ReadonlyMap<string, IssuerRecord>,
  nowSeconds: number,
): readonly [key: string, revocation: Revocation] {
  /** Tokens pass for the tolerance after their end, by clocks that may differ by as much. */
  const graceOf = (issuer: string): number => 2 * (issuers.get(issuer)?.issuer.clockToleranceSeconds ?? 0);
  const lifetimeOf = (issuer: string): number =>
    (issuers.get(issuer)?.issuer.maxLifetimeSeconds ?? Infinity) + graceOf(issuer);
  const always = { issuedUntilSeconds: Infinity };
  if ('subject' in target) {
    const { issuer, subject, issuedUntilSeconds = nowSeconds } = target;
    return [
      revokedSubject(issuer, subject),
      { issuedUntilSeconds, forgetAtSeconds: issuedUntilSeconds + lifetimeOf(issuer) },
    ];
  }
  if ('jti' in target) {
    const { issuer, jti, expiresAtSeconds } = target;
    const forgetAtSeconds =
      expiresAtSeconds === undefined ? nowSeconds + lifetimeOf(issuer) : expiresAtSeconds + graceOf(issuer);
    return [revokedId(issuer, jti), { ...always, forgetAtSeconds }];
  }
  const { token } = target;
  if (!hasCompactForm(token)) return [revokedText(token), { ...always, forgetAtSeconds: nowSeconds + 86_400 }];
  const claims = parseStrictObject(decodeText(splitToken(token).claims) ?? '');
  const { iss, sub, jti } = claims ?? {};
  if (claims === undefined || typeof iss !== 'string') {
    throw new ValetKeyError('invalid_request', 'The token to revoke is not a JWT of a known form.');
  }
  const forgetAtSeconds = nowSeconds + lifetimeOf(iss);
  const key = typeof jti === 'string' ? revokedId(iss, jti) : revokedClaims(iss, sub, claims);
  return [key, { ...always, forgetAtSeconds }];
}
