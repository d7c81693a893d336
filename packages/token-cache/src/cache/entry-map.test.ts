import { expect, test } from 'vitest';
import type { Entry } from '../renewal/entry.ts';
import { createEntryMap } from './entry-map.ts';

const key = (scope: string) => ({ vendor: 'nymbl', scope });

function setUp(maxEntries: number) {
  const evicted: (string | undefined)[] = [];
  const entries = createEntryMap(maxEntries, (entry: Entry) => evicted.push(entry.key.scope));
  return { entries, evicted };
}

test('find accepts any object with the same key, and findByObject only the one that was passed last', () => {
  const { entries } = setUp(10);
  const [first, second] = [key('a'), key('a')];
  const entry = entries.findOrCreate(first);
  expect(entries.findOrCreate(second)).toBe(entry);
  expect(entries.findByObject(second)).toBe(entry);
  expect(entries.findByObject(first)).toBeUndefined();
  expect(entries.find(first)).toBe(entry);
  expect(entries.findByObject(first)).toBe(entry);
  expect(entries.find(key('b'))).toBeUndefined();
  expect(entries.size()).toBe(1);
});

test('a key object that was changed does not find the entry of its old value', () => {
  const { entries } = setUp(10);
  const changing = key('a');
  const entry = entries.findOrCreate(changing);
  changing.scope = 'b';
  expect(entries.findByObject(changing)).toBeUndefined();
  expect(entries.findOrCreate(changing)).not.toBe(entry);
  expect(entry.key.scope).toBe('a');
  changing.scope = 'a';
  expect(entries.find(changing)).toBe(entry);
});

test('findByObject finds the entry of a frozen key object', () => {
  const { entries } = setUp(10);
  const frozen = Object.freeze(key('a'));
  const entry = entries.findOrCreate(frozen);
  expect(entries.findByObject(frozen)).toBe(entry);
});

test('findByObject does not find a changed key object that replaced a frozen one', () => {
  const { entries } = setUp(10);
  entries.findOrCreate(Object.freeze(key('a')));
  const changing = key('a');
  entries.find(changing);
  changing.scope = 'b';
  expect(entries.findByObject(changing)).toBeUndefined();
});

test('a full map evicts entries that were not read before entries that were', () => {
  const { entries, evicted } = setUp(3);
  const [a, b] = [key('a'), key('b')].map(entries.findOrCreate);
  entries.findOrCreate(key('c'));
  if (a && b) a.used = b.used = true;
  entries.findOrCreate(key('d'));
  expect(evicted).toEqual(['c']);
  expect([a?.used, b?.used]).toEqual([false, false]);
  entries.findOrCreate(key('e'));
  expect(evicted).toEqual(['c', 'a']);
  entries.findOrCreate(key('f'));
  expect(evicted).toEqual(['c', 'a', 'b']);
  expect(entries.size()).toBe(3);
  expect(entries.find(key('a'))).toBeUndefined();
});

test('findByObject does not find an evicted entry', () => {
  const { entries } = setUp(1);
  const first = key('a');
  entries.findOrCreate(first);
  entries.findOrCreate(key('b'));
  expect(entries.findByObject(first)).toBeUndefined();
});

test('a full map evicts no pinned entry', () => {
  const { entries, evicted } = setUp(2);
  entries.pin(entries.findOrCreate(key('a')));
  entries.findOrCreate(key('b'));
  entries.findOrCreate(key('c'));
  entries.findOrCreate(key('d'));
  expect(evicted).toEqual(['b', 'c']);
  expect(entries.find(key('a'))).toBeDefined();
});

test('a full map evicts an entry that is no longer pinned', () => {
  const { entries, evicted } = setUp(1);
  const entry = entries.findOrCreate(key('a'));
  entries.pin(entry);
  entries.unpin(entry);
  entries.findOrCreate(key('b'));
  expect(evicted).toEqual(['a']);
});

test('a full map does not evict an entry that `clear` removed while it was pinned', () => {
  const { entries, evicted } = setUp(1);
  const entry = entries.findOrCreate(key('a'));
  entries.pin(entry);
  entries.clear();
  entries.findOrCreate(key('b'));
  entries.unpin(entry);
  entries.findOrCreate(key('c'));
  expect(evicted).toEqual(['b']);
});

test('a full map refuses a new key while every entry is pinned, and still finds the entries that it has', () => {
  const { entries } = setUp(2);
  const [a] = ['a', 'b'].map((scope) => {
    const entry = entries.findOrCreate(key(scope));
    entries.pin(entry);
    return entry;
  });
  expect(() => entries.findOrCreate(key('c'))).toThrow(
    expect.objectContaining({
      code: 'overloaded',
      vendor: 'nymbl',
      message: 'The token cache is full, and each of its keys is being renewed.',
    }),
  );
  expect(entries.size()).toBe(2);
  expect(entries.findOrCreate(key('a'))).toBe(a);
});

test('one eviction skips 1,000 used entries and evicts the next one', () => {
  const { entries, evicted } = setUp(1500);
  for (let index = 0; index < 1500; index += 1) entries.findOrCreate(key(`${index}`)).used = true;
  entries.findOrCreate(key('new'));
  expect(evicted).toEqual(['1000']);
});

test('an eviction finds the only entry that is not pinned behind 3,000 pinned ones', () => {
  const { entries, evicted } = setUp(3001);
  for (let index = 0; index < 3000; index += 1) entries.pin(entries.findOrCreate(key(`${index}`)));
  entries.findOrCreate(key('idle'));
  entries.findOrCreate(key('new'));
  expect(evicted).toEqual(['idle']);
});

test('clear removes every entry without an eviction', () => {
  const { entries, evicted } = setUp(1);
  const first = key('a');
  entries.findOrCreate(first);
  entries.clear();
  expect(entries.size()).toBe(0);
  expect(entries.findByObject(first)).toBeUndefined();
  expect(entries.find(first)).toBeUndefined();
  entries.findOrCreate(key('b'));
  expect(evicted).toEqual([]);
});
