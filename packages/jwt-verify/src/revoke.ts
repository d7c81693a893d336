import { ValetKeyError } from '@valetkey/core-types';
import {
  revokedClaims,
  revokedId,
  revokedSubject,
  revokedText,
  type Revocation,
  type RevocationTarget,
} from './revocations.ts';
import { decodeText, hasCompactForm, splitToken } from './segments.ts';
import { parseStrictObject } from './strict-json.ts';
import type { IssuerRecord } from './verify-token.ts';

/** Turns what an operator wants refused into an entry of the memory of revocations. */
export function planRevocation(
  target: RevocationTarget,
  issuers: ReadonlyMap<string, IssuerRecord>,
  nowSeconds: number,
): readonly [key: string, revocation: Revocation] {
  const lifetimeOf = (issuer: string): number => {
    const { clockToleranceSeconds = 0, maxLifetimeSeconds = null } = issuers.get(issuer)?.issuer ?? {};
    return (maxLifetimeSeconds ?? Infinity) + 2 * clockToleranceSeconds;
  };
  const always = { issuedUntilSeconds: Infinity };
  if ('subject' in target) {
    const { issuer, subject, issuedUntilSeconds = nowSeconds } = target;
    return [
      revokedSubject(issuer, subject),
      { issuedUntilSeconds, forgetAtSeconds: issuedUntilSeconds + lifetimeOf(issuer) },
    ];
  }
  if ('jti' in target) {
    const { issuer, jti, expiresAtSeconds = nowSeconds + lifetimeOf(issuer) } = target;
    return [revokedId(issuer, jti), { ...always, forgetAtSeconds: expiresAtSeconds }];
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
