import type { VerifiedToken } from './verification.ts';

/** A bounded cache of verified tokens. */
export interface VerifiedTokens {
  readonly get: (token: string) => VerifiedToken | undefined;
  readonly set: (token: string, verified: VerifiedToken) => void;
  readonly deleteWhere: (matches: (verified: VerifiedToken, token: string) => boolean) => void;
  readonly size: () => number;
}

/** A safe estimate: an entry for a token of 400 characters was measured at 1240 bytes of heap. */
const entryOverheadBytes = 1500;
const bytesPerCharacter = 3;

/**
 * Creates the cache of verified tokens. It has two generations instead of a list in order of use: a hit costs one
 * lookup, and tokens that were not used during a whole generation are dropped together. Both bounds apply to the sum of
 * the two generations.
 */
export function createVerifiedTokens(maxEntries: number, maxBytes: number): VerifiedTokens {
  let young = new Map<string, VerifiedToken>();
  let old = new Map<string, VerifiedToken>();
  let youngBytes = 0;

  const set = (token: string, verified: VerifiedToken): void => {
    const bytes = entryOverheadBytes + bytesPerCharacter * token.length;
    if (maxEntries < 2 || 2 * bytes > maxBytes) return;
    if (2 * (young.size + 1) > maxEntries || 2 * (youngBytes + bytes) > maxBytes) {
      old = young;
      young = new Map();
      youngBytes = 0;
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
