import { type TokenKey, ValetKeyError } from '@valetkey/core-types';
import { createEntry, type Entry } from '../renewal/entry.ts';
import { isSameTokenKey, tokenKeyText } from '../stores/token-key.ts';

/** The entries in memory, at most one per key. */
export interface EntryMap {
  /** Returns the entry if this very key object was the last one passed for its key. */
  readonly findByObject: (key: TokenKey) => Entry | undefined;
  readonly find: (key: TokenKey) => Entry | undefined;
  /** Returns the entry of a key, or creates it. Throws `overloaded` if the map is full and every entry is pinned. */
  readonly findOrCreate: (key: TokenKey) => Entry;
  /** Protects an entry from eviction until it is unpinned. */
  readonly pin: (entry: Entry) => void;
  readonly unpin: (entry: Entry) => void;
  readonly clear: () => void;
  readonly size: () => number;
}

/** One eviction skips at most this many used entries. It then evicts the next entry, even if that entry was used. */
const maxSkipped = 1000;

/**
 * Creates a map that holds at most `maxEntries` entries. To make room, it evicts an entry that was not read since the
 * last eviction, and never a pinned entry.
 */
export function createEntryMap(maxEntries: number, onEvict: (entry: Entry) => void): EntryMap {
  const byText = new Map<string, Entry>();
  /** The entries that are not pinned. An eviction begins with the first. */
  const evictable = new Set<Entry>();
  let byKeyObject = new WeakMap<TokenKey, Entry>();

  function evictOne(vendor: string): void {
    const entry = takeUnused(evictable);
    if (entry === undefined) {
      const detail = 'The token cache is full, and each of its keys is being renewed.';
      throw new ValetKeyError('overloaded', detail, { vendor });
    }
    byText.delete(entry.keyText);
    byKeyObject.delete(entry.keyObject);
    onEvict(entry);
  }

  function findByObject(key: TokenKey): Entry | undefined {
    const known = byKeyObject.get(key);
    // A key object that was changed after it was first passed must not find the token of its old value.
    return known !== undefined && (known.keyObjectIsFrozen || isSameTokenKey(known.key, key)) ? known : undefined;
  }

  function find(key: TokenKey): Entry | undefined {
    const known = findByObject(key);
    if (known !== undefined) return known;
    const entry = byText.get(tokenKeyText(key));
    if (entry === undefined) return undefined;
    byKeyObject.delete(entry.keyObject);
    entry.keyObject = key;
    entry.keyObjectIsFrozen = Object.isFrozen(key);
    byKeyObject.set(key, entry);
    return entry;
  }

  function findOrCreate(key: TokenKey): Entry {
    const known = find(key);
    if (known !== undefined) return known;
    if (byText.size >= maxEntries) evictOne(key.vendor);
    const entry = createEntry(key);
    byText.set(entry.keyText, entry);
    byKeyObject.set(key, entry);
    evictable.add(entry);
    return entry;
  }

  function unpin(entry: Entry): void {
    // `clear` may have removed the entry while it was pinned.
    if (byText.get(entry.keyText) === entry) evictable.add(entry);
  }

  function clear(): void {
    byText.clear();
    evictable.clear();
    byKeyObject = new WeakMap();
  }

  return {
    findByObject,
    find,
    findOrCreate,
    pin: (entry) => void evictable.delete(entry),
    unpin,
    clear,
    size: () => byText.size,
  };
}

/**
 * Removes and returns the first entry that is not used. Moves each used entry that it skips to the end and marks it as
 * not used. Returns `undefined` if there are no entries.
 */
function takeUnused(entries: Set<Entry>): Entry | undefined {
  let skipped = 0;
  for (const entry of entries) {
    entries.delete(entry);
    if (!entry.used || skipped === maxSkipped) return entry;
    skipped += 1;
    entry.used = false;
    entries.add(entry);
  }
  return undefined;
}
