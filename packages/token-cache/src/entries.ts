import { type CacheableToken, type TokenKey, ValetKeyError } from '@valetkey/core-types';
import type { RememberedFailure } from './failure.ts';
import type { Renewal } from './renewal.ts';
import { copyTokenKey, sameTokenKey, tokenKeyText } from './token-key.ts';

/** What this process knows about one key. Moments are monotonic milliseconds. */
export interface Entry {
  readonly key: TokenKey;
  readonly text: string;
  /** The key object that callers passed last: finding it again costs no text. */
  alias: TokenKey;
  aliasIsFrozen: boolean;
  /** Read since an eviction last passed by. */
  used: boolean;
  token: CacheableToken | undefined;
  deadlineMs: number;
  refreshAtMs: number;
  /** The life that callers get at the least where they ask for none. */
  needMs: number;
  receivedAtMs: number;
  /** The life that the token had when it was received. */
  lifeMs: number;
  /** When the vendor last gave the token that was there already. */
  repeatedAtMs: number;
  /** What callers are answered who ask for nothing special, while it is before `answerUntilMs`. */
  answer: Promise<CacheableToken> | undefined;
  answerUntilMs: number;
  failure: RememberedFailure | undefined;
  renewal: Renewal | undefined;
  refused: CacheableToken | undefined;
  /** How many reports of refused tokens were believed lately, as of `dropsAtMs`. */
  drops: number;
  dropsAtMs: number;
}

export interface Entries {
  /** The entry of a key object that was passed before. */
  readonly recognise: (key: TokenKey) => Entry | undefined;
  readonly find: (key: TokenKey) => Entry | undefined;
  /** The entry of this key, made if need be; throws `overloaded` where no room can be made for it. */
  readonly ensure: (key: TokenKey) => Entry;
  readonly clear: () => void;
  readonly size: () => number;
}

/** How many entries one eviction looks at before it takes what it finds. */
const evictionReach = 1000;

/** Entries, at most so many: the ones that nobody read since the last round go first, never one being renewed. */
export const createEntries = (maxEntries: number, onEvict: (entry: Entry) => void): Entries => {
  const byText = new Map<string, Entry>();
  let byAlias = new WeakMap<TokenKey, Entry>();

  const remove = (entry: Entry): void => {
    byText.delete(entry.text);
    byAlias.delete(entry.alias);
  };

  const makeRoom = (vendor: string): void => {
    let looked = 0;
    for (const [text, entry] of byText) {
      const spared = entry.renewal !== undefined || (entry.used && looked < evictionReach);
      if (!spared) {
        remove(entry);
        onEvict(entry);
        return;
      }
      if (looked > 2 * evictionReach) break;
      looked += 1;
      entry.used = false;
      byText.delete(text);
      byText.set(text, entry);
    }
    throw new ValetKeyError('overloaded', 'Every key that the token cache has room for is being renewed.', { vendor });
  };

  const recognise = (key: TokenKey): Entry | undefined => {
    const known = byAlias.get(key);
    // A key object that was changed after it was first passed must not find the token of its former self.
    return known !== undefined && (known.aliasIsFrozen || sameTokenKey(known.key, key)) ? known : undefined;
  };

  const find = (key: TokenKey): Entry | undefined => {
    const known = recognise(key);
    if (known !== undefined) return known;
    const entry = byText.get(tokenKeyText(key));
    if (entry === undefined) return undefined;
    byAlias.delete(entry.alias);
    entry.alias = key;
    entry.aliasIsFrozen = Object.isFrozen(key);
    byAlias.set(key, entry);
    return entry;
  };

  return {
    recognise,
    find,
    ensure: (key) => {
      const known = find(key);
      if (known !== undefined) return known;
      if (byText.size >= maxEntries) makeRoom(key.vendor);
      const entry: Entry = {
        key: copyTokenKey(key),
        text: tokenKeyText(key),
        alias: key,
        aliasIsFrozen: Object.isFrozen(key),
        used: false,
        token: undefined,
        deadlineMs: Number.NEGATIVE_INFINITY,
        refreshAtMs: Number.NEGATIVE_INFINITY,
        needMs: 0,
        receivedAtMs: Number.NEGATIVE_INFINITY,
        lifeMs: 0,
        repeatedAtMs: Number.NEGATIVE_INFINITY,
        answer: undefined,
        answerUntilMs: Number.NEGATIVE_INFINITY,
        failure: undefined,
        renewal: undefined,
        refused: undefined,
        drops: 0,
        dropsAtMs: Number.NEGATIVE_INFINITY,
      };
      byText.set(entry.text, entry);
      byAlias.set(key, entry);
      return entry;
    },
    clear: () => {
      byText.clear();
      byAlias = new WeakMap();
    },
    size: () => byText.size,
  };
};
