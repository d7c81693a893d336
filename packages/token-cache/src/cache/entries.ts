import { type TokenKey, ValetKeyError } from '@valetkey/core-types';
import { createEntry, type Entry } from '../renewal/entry.ts';
import { isSameTokenKey, tokenKeyText } from '../stores/token-key.ts';

export interface Entries {
  /** Returns the entry of the key object that was passed last for its key. */
  readonly recognise: (key: TokenKey) => Entry | undefined;
  readonly find: (key: TokenKey) => Entry | undefined;
  /** Returns the entry of a key, which is created if need be. Throws `overloaded` if no entry can be evicted for it. */
  readonly ensure: (key: TokenKey) => Entry;
  readonly clear: () => void;
  readonly size: () => number;
}

/** How many used entries one eviction spares before it evicts the next one that it may. */
const maxSpared = 1000;

/**
 * Creates a map that holds at most `maxEntries` entries. It evicts the entries that were not read since the last eviction
 * first, and never an entry that is being renewed.
 */
export function createEntries(maxEntries: number, onEvict: (entry: Entry) => void): Entries {
  const byText = new Map<string, Entry>();
  let byAlias = new WeakMap<TokenKey, Entry>();

  function makeRoom(vendor: string): void {
    let considered = 0;
    for (const [text, entry] of byText) {
      const isSpared = entry.renewal !== undefined || (entry.used && considered < maxSpared);
      if (!isSpared) {
        byText.delete(entry.text);
        byAlias.delete(entry.alias);
        onEvict(entry);
        return;
      }
      if (considered > 2 * maxSpared) break;
      considered += 1;
      entry.used = false;
      byText.delete(text);
      byText.set(text, entry);
    }
    throw new ValetKeyError('overloaded', 'The token cache is full, and its keys are being renewed.', { vendor });
  }

  function recognise(key: TokenKey): Entry | undefined {
    const known = byAlias.get(key);
    // A key object that was changed after it was first passed must not find the token of its old value.
    return known !== undefined && (known.aliasIsFrozen || isSameTokenKey(known.key, key)) ? known : undefined;
  }

  function find(key: TokenKey): Entry | undefined {
    const known = recognise(key);
    if (known !== undefined) return known;
    const entry = byText.get(tokenKeyText(key));
    if (entry === undefined) return undefined;
    byAlias.delete(entry.alias);
    entry.alias = key;
    entry.aliasIsFrozen = Object.isFrozen(key);
    byAlias.set(key, entry);
    return entry;
  }

  function ensure(key: TokenKey): Entry {
    const known = find(key);
    if (known !== undefined) return known;
    if (byText.size >= maxEntries) makeRoom(key.vendor);
    const entry = createEntry(key);
    byText.set(entry.text, entry);
    byAlias.set(key, entry);
    return entry;
  }

  function clear(): void {
    byText.clear();
    byAlias = new WeakMap();
  }

  return { recognise, find, ensure, clear, size: () => byText.size };
}
