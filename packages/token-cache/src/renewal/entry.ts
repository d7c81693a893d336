import type { CacheableToken, TokenKey } from '@valetkey/core-types';
import { copyTokenKey, tokenKeyText } from '../stores/token-key.ts';
import type { RememberedFailure } from './failure.ts';

/** One run that gets a new token for a key. Every caller who needs the token shares it. */
export interface Renewal {
  /** Settles once: a token arrived, or the failure that every waiting caller receives. */
  readonly done: Promise<void>;
  /** Adds a waiting caller, who needs a token with this many milliseconds of life; `undefined`: the entry's default. */
  readonly join: (minRemainingMs: number | undefined) => void;
  readonly abandon: () => void;
}

/** What this process knows about one key. Moments are monotonic milliseconds. */
export interface Entry {
  readonly key: TokenKey;
  readonly text: string;
  /** The key object that callers passed last. Finding the entry by it needs no text. */
  alias: TokenKey;
  aliasIsFrozen: boolean;
  /** Whether a caller read the entry since an eviction last considered it. */
  used: boolean;
  token: CacheableToken | undefined;
  expiresAtMs: number;
  refreshAtMs: number;
  /** The life that a returned token still has where the caller asks for none. */
  minRemainingMs: number;
  receivedAtMs: number;
  /** The life that the token had when it was received. */
  lifeMs: number;
  /** When the vendor last returned the token that was already here. */
  repeatedAtMs: number;
  /** What every caller without a special need receives until `servedUntilMs`. */
  served: Promise<CacheableToken> | undefined;
  servedUntilMs: number;
  failure: RememberedFailure | undefined;
  renewal: Renewal | undefined;
  /** The token that the vendor refused last. */
  refused: CacheableToken | undefined;
  /** How many reports of refused tokens were accepted lately, as of `reportedAtMs`. */
  reports: number;
  reportedAtMs: number;
}

const never = Number.NEGATIVE_INFINITY;

/** Creates the entry of a key, without a token. */
export function createEntry(key: TokenKey): Entry {
  return {
    key: copyTokenKey(key),
    text: tokenKeyText(key),
    alias: key,
    aliasIsFrozen: Object.isFrozen(key),
    used: false,
    token: undefined,
    expiresAtMs: never,
    refreshAtMs: never,
    minRemainingMs: 0,
    receivedAtMs: never,
    lifeMs: 0,
    repeatedAtMs: never,
    served: undefined,
    servedUntilMs: never,
    failure: undefined,
    renewal: undefined,
    refused: undefined,
    reports: 0,
    reportedAtMs: never,
  };
}
