import type { Principal } from '@valetkey/core-types';
import type { DpopBinding } from '../dpop/dpop-proof.ts';
import type { KeySource } from '../keys/key-source.ts';
import type { VerificationKey } from '../keys/verification-key.ts';

/** A token that was verified, and what must still hold for the result to be used again. */
export interface VerifiedToken {
  readonly principal: Principal;
  /** The principal as callers get it again: one promise, made at the first repetition. */
  answer: Promise<Principal> | undefined;
  /** The caller's key, where the token is bound to one. */
  readonly binding: DpopBinding | undefined;
  /** Wall clock. */
  readonly expiresAtMs: number;
  /** Monotonic. */
  readonly reusableUntilMs: number;
  /** What signed it. */
  readonly key: Pick<VerificationKey, 'trustedUntilMs'>;
  readonly keySource: Pick<KeySource, 'renew'>;
}

/** A bounded memory of verified tokens. */
export interface VerifiedTokens {
  readonly get: (token: string) => VerifiedToken | undefined;
  readonly set: (token: string, verified: VerifiedToken) => void;
  readonly deleteWhere: (matches: (verified: VerifiedToken, token: string) => boolean) => void;
  readonly size: () => number;
}

/** Reckoned on the safe side: an entry for a token of 400 characters was measured at 1240 bytes of heap. */
const entryOverheadBytes = 1500;
const bytesPerCharacter = 3;

/** The memory that an entry is reckoned with. */
function sizeOf(token: string): number {
  return entryOverheadBytes + bytesPerCharacter * token.length;
}

/**
 * Two generations in place of a list in order of use: a hit costs one lookup, and what a whole generation did not ask
 * for is dropped at once. Either bound applies to both generations together.
 */
export function createVerifiedTokens(maxEntries: number, maxBytes: number): VerifiedTokens {
  let young = new Map<string, VerifiedToken>();
  let old = new Map<string, VerifiedToken>();
  let youngBytes = 0;

  const set = (token: string, verified: VerifiedToken): void => {
    const bytes = sizeOf(token);
    if (2 * (young.size + 1) > maxEntries || 2 * (youngBytes + bytes) > maxBytes) {
      old = young;
      young = new Map();
      youngBytes = 0;
      if (maxEntries < 2 || 2 * bytes > maxBytes) return;
    }
    young.set(token, verified);
    youngBytes += bytes;
  };

  return {
    get: (token) => {
      const verified = young.get(token);
      if (verified !== undefined) return verified;
      const aged = old.get(token);
      if (aged !== undefined) {
        old.delete(token);
        set(token, aged);
      }
      return aged;
    },
    set,
    deleteWhere: (matches) => {
      for (const generation of [young, old]) {
        for (const [token, verified] of generation) if (matches(verified, token)) generation.delete(token);
      }
    },
    size: () => young.size + old.size,
  };
}
