import { createHash } from 'node:crypto';
import { ValetKeyError, type Issuer, type Principal } from '@valetkey/core-types';
import { createIssuerIndex, type IssuerIndex } from '../token/issuer-index.ts';
import { hasCompactForm, parseSegment, splitToken, type JsonObject } from '../token/token-text.ts';

/** The tokens to refuse from now on. */
export type RevocationTarget =
  /** One token. A JWT with the same claims and another signature is refused as well. */
  | { readonly token: string }
  /** One token, by its `jti`. With `expiresAtSeconds` (since 1970), the revocation is forgotten soon after that time. */
  | { readonly issuer: string; readonly jti: string; readonly expiresAtSeconds?: number | undefined }
  /** Every token of a principal that was issued up to now, or up to `issuedUntilSeconds` (since 1970). */
  | { readonly issuer: string; readonly subject: string; readonly issuedUntilSeconds?: number | undefined };

/** Refuses tokens that were issued up to `issuedUntilSeconds`. After `forgetAtSeconds`, all of them have expired. */
interface Revocation {
  readonly issuedUntilSeconds: number;
  readonly forgetAtSeconds: number;
}

type Entry = readonly [key: string, revocation: Revocation];

/** A bounded memory of revocations. */
export interface Revocations {
  /**
   * Refuses the tokens of the target from now on.
   *
   * @throws {ValetKeyError} `overloaded` if the memory is full; `invalid_request` for a token that cannot be distinguished
   *   from others.
   */
  readonly revoke: (target: RevocationTarget) => void;
  /** Returns whether a token with this principal is revoked. */
  readonly matches: (principal: Pick<Principal, 'issuer' | 'subject' | 'claims'>, token: string) => boolean;
  /** What is remembered. */
  readonly entries: Map<string, Revocation>;
}

/** The dependencies of {@link createRevocations}. */
export interface RevocationsDependencies {
  readonly issuers: readonly Issuer[];
  readonly maxRevocations: number;
  readonly nowSeconds: () => number;
  /** What an earlier verifier remembers. The two then share their memory. */
  readonly entries?: Map<string, Revocation> | undefined;
}

/** Seconds for which the revocation of an opaque token is kept. The token's own expiry is unknown. */
const opaqueTokenSeconds = 86_400;

/** Creates the memory of revocations. Each revocation is kept until the tokens that it refuses have expired. */
export function createRevocations(dependencies: RevocationsDependencies): Revocations {
  const { issuers, maxRevocations, nowSeconds, entries = new Map<string, Revocation>() } = dependencies;
  const findIssuer = createIssuerIndex(issuers, (issuer) => issuer);

  const isRevoked = (key: string, issuedAt: number): boolean => {
    const revocation = entries.get(key);
    return revocation !== undefined && issuedAt <= revocation.issuedUntilSeconds;
  };

  const makeRoomFor = (key: string): void => {
    if (entries.size >= maxRevocations) {
      const now = nowSeconds();
      for (const [known, { forgetAtSeconds }] of entries) if (forgetAtSeconds < now) entries.delete(known);
    }
    // No entry is forgotten early: its token would be accepted again.
    if (entries.size >= maxRevocations && !entries.has(key)) {
      throw new ValetKeyError('overloaded', `There is no room for more than ${maxRevocations} revocations.`);
    }
  };

  return {
    entries,
    revoke: (target) => {
      const [key, revocation] = toEntry(target, findIssuer, nowSeconds());
      makeRoomFor(key);
      const known = entries.get(key);
      entries.set(key, {
        issuedUntilSeconds: Math.max(revocation.issuedUntilSeconds, known?.issuedUntilSeconds ?? 0),
        forgetAtSeconds: Math.max(revocation.forgetAtSeconds, known?.forgetAtSeconds ?? 0),
      });
    },
    matches: ({ issuer, subject, claims }, token) => {
      if (entries.size === 0) return false;
      const { iat, jti } = claims;
      const issuedAt = typeof iat === 'number' ? iat : -Infinity;
      return (
        isRevoked(subjectKey(issuer, subject), issuedAt) ||
        (typeof jti === 'string' && isRevoked(jtiKey(issuer, jti), issuedAt)) ||
        isRevoked(claimsKey(issuer, claims), issuedAt) ||
        isRevoked(textKey(token), issuedAt)
      );
    },
  };
}

function toEntry(target: RevocationTarget, findIssuer: IssuerIndex<Issuer>, nowSeconds: number): Entry {
  /** A token is accepted up to the tolerance after its expiry, and clocks may differ by the tolerance once more. */
  const graceOf = (issuer: string): number => 2 * (findIssuer(issuer)?.entry.clockToleranceSeconds ?? 0);
  const lifetimeOf = (issuer: string): number =>
    (findIssuer(issuer)?.entry.maxLifetimeSeconds ?? Infinity) + graceOf(issuer);
  const canonicalOf = (issuer: string): string => findIssuer(issuer)?.canonicalIssuer ?? issuer;
  const always = { issuedUntilSeconds: Infinity };
  if ('subject' in target) {
    const { issuer, subject, issuedUntilSeconds = nowSeconds } = target;
    const forgetAtSeconds = issuedUntilSeconds + lifetimeOf(issuer);
    return [subjectKey(canonicalOf(issuer), subject), { issuedUntilSeconds, forgetAtSeconds }];
  }
  if ('jti' in target) {
    const { issuer, jti, expiresAtSeconds } = target;
    const forgetAtSeconds =
      expiresAtSeconds === undefined ? nowSeconds + lifetimeOf(issuer) : expiresAtSeconds + graceOf(issuer);
    return [jtiKey(canonicalOf(issuer), jti), { ...always, forgetAtSeconds }];
  }
  const { token } = target;
  if (!hasCompactForm(token)) {
    return [textKey(token), { ...always, forgetAtSeconds: nowSeconds + opaqueTokenSeconds }];
  }
  const claims = parseSegment(splitToken(token).claims);
  const { iss, jti } = claims ?? {};
  if (claims === undefined || typeof iss !== 'string') {
    throw new ValetKeyError('invalid_request', 'The token to revoke is not a JWT with an issuer.');
  }
  const key = typeof jti === 'string' ? jtiKey(canonicalOf(iss), jti) : claimsKey(canonicalOf(iss), claims);
  return [key, { ...always, forgetAtSeconds: nowSeconds + lifetimeOf(iss) }];
}

function subjectKey(issuer: string, subject: string): string {
  return JSON.stringify(['subject', issuer, subject]);
}

function jtiKey(issuer: string, jti: string): string {
  return JSON.stringify(['jti', issuer, jti]);
}

/**
 * Identifies a JWT without `jti` by its claims and not by its text. An ECDSA signature has a second valid form, so that a
 * caller could send a revoked token again with another text.
 */
function claimsKey(issuer: string, claims: JsonObject): string {
  return JSON.stringify(['claims', issuer, claims['sub'], claims['iat'], claims['exp']]);
}

/** Identifies an opaque token by a digest, so that the token itself is not kept. */
function textKey(token: string): string {
  return createHash('sha256').update(token).digest('base64url');
}
