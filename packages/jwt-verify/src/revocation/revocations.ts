import { createHash } from 'node:crypto';
import { ValetKeyError, type Principal } from '@valetkey/core-types';

/** What to refuse from now on. */
export type RevocationTarget =
  /** One token, in whatever form it is presented again. */
  | { readonly token: string }
  /** One token, by its `jti`. `expiresAtSeconds` (since 1970) lets the entry be forgotten in time. */
  | { readonly issuer: string; readonly jti: string; readonly expiresAtSeconds?: number | undefined }
  /** Every token of a person issued up to now, or up to `issuedUntilSeconds` (since 1970). */
  | { readonly issuer: string; readonly subject: string; readonly issuedUntilSeconds?: number | undefined };

/** One entry: tokens issued until then are refused; forgotten once all of them have ended. */
export interface Revocation {
  readonly issuedUntilSeconds: number;
  readonly forgetAtSeconds: number;
}

/** A bounded memory of what was revoked. */
export interface Revocations {
  readonly add: (key: string, revocation: Revocation) => void;
  readonly matches: (principal: Principal, token: string) => boolean;
}

export function revokedSubject(issuer: string, subject: string): string {
  return JSON.stringify(['subject', issuer, subject]);
}

export function revokedId(issuer: string, jti: string): string {
  return JSON.stringify(['jti', issuer, jti]);
}

/** An opaque token is known by its digest alone. */
export function revokedText(token: string): string {
  return createHash('sha256').update(token).digest('base64url');
}

/**
 * A JWT without `jti` is known by its claims, never by its text: an ECDSA signature has a second valid form, which
 * would slip through.
 */
export function revokedClaims(issuer: string, subject: unknown, claims: Readonly<Record<string, unknown>>): string {
  return JSON.stringify(['claims', issuer, subject, claims['iat'], claims['exp']]);
}

/** Remembers revocations until the tokens they are about have ended anyway. */
export function createRevocations(maxEntries: number, nowSeconds: () => number): Revocations {
  const entries = new Map<string, Revocation>();

  const isRevoked = (key: string, issuedAt: number): boolean => {
    const revocation = entries.get(key);
    return revocation !== undefined && issuedAt <= revocation.issuedUntilSeconds;
  };

  return {
    add: (key, revocation) => {
      if (entries.size >= maxEntries) {
        const now = nowSeconds();
        for (const [known, { forgetAtSeconds }] of entries) if (forgetAtSeconds < now) entries.delete(known);
      }
      // Forgetting one to make room would let a revoked token in again.
      if (entries.size >= maxEntries && !entries.has(key)) {
        throw new ValetKeyError('overloaded', `No room for more than ${maxEntries} revocations.`);
      }
      const issuedUntilSeconds = Math.max(revocation.issuedUntilSeconds, entries.get(key)?.issuedUntilSeconds ?? 0);
      const forgetAtSeconds = Math.max(revocation.forgetAtSeconds, entries.get(key)?.forgetAtSeconds ?? 0);
      entries.set(key, { issuedUntilSeconds, forgetAtSeconds });
    },
    matches: ({ issuer, subject, claims }, token) => {
      if (entries.size === 0) return false;
      const { iat, jti } = claims;
      const issuedAt = typeof iat === 'number' ? iat : -Infinity;
      return (
        isRevoked(revokedSubject(issuer, subject), issuedAt) ||
        (typeof jti === 'string' && isRevoked(revokedId(issuer, jti), issuedAt)) ||
        isRevoked(revokedClaims(issuer, subject, claims), issuedAt) ||
        isRevoked(revokedText(token), issuedAt)
      );
    },
  };
}
