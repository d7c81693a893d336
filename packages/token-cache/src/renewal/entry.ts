import type { CacheableToken, TokenKey } from '@valetkey/core-types';
import { copyTokenKey, tokenKeyText } from '../stores/token-key.ts';
import type { RememberedFailure } from './failure.ts';

/** A renewal of a key as its callers see it. Every caller who needs the token waits for the same renewal. */
export interface Renewal {
  /** Resolves when the renewal ends, and rejects with the failure that every waiting caller receives. */
  readonly done: Promise<void>;
  /** Adds a waiting caller, who needs a token with this many milliseconds of life. `undefined`: the entry's default. */
  readonly join: (minRemainingMs: number | undefined) => void;
  /** Ends the renewal because the cache closes. */
  readonly abandon: () => void;
}

/** The state of one key in this process. Moments are monotonic milliseconds. */
export interface Entry {
  readonly key: TokenKey;
  /** The text of `key`, under which a map holds this entry. */
  readonly keyText: string;
  /** The key object that a caller passed last. To find the entry by this object, no text has to be built. */
  keyObject: TokenKey;
  keyObjectIsFrozen: boolean;
  /** Whether a caller received the token from memory since an eviction last skipped the entry. */
  used: boolean;
  token: CacheableToken | undefined;
  expiresAtMs: number;
  /** When the token is due for a renewal in the background. */
  refreshAtMs: number;
  /** The life that a returned token must still have if the caller does not say how much. */
  minRemainingMs: number;
  receivedAtMs: number;
  /** The life that the token had when it was received. */
  lifeMs: number;
  /** When the vendor last returned the token that was already here. */
  repeatedAtMs: number;
  /** The token as callers receive it until `servedUntilMs`, if the life that remains is enough for them. */
  served: Promise<CacheableToken> | undefined;
  servedUntilMs: number;
  failure: RememberedFailure | undefined;
  renewal: Renewal | undefined;
  /** The token that the vendor refused last. */
  refused: CacheableToken | undefined;
  /**
   * How many recent reports of refused tokens were accepted. It falls with time; this is the value at `reportedAtMs`.
   */
  reports: number;
  reportedAtMs: number;
}

const never = Number.NEGATIVE_INFINITY;

/** Creates the entry of a key, without a token. */
export function createEntry(key: TokenKey): Entry {
  return {
    key: copyTokenKey(key),
    keyText: tokenKeyText(key),
    keyObject: key,
    keyObjectIsFrozen: Object.isFrozen(key),
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
