import { expect, test } from 'vitest';
import { createEntries, type Entry } from './entries.ts';
import type { Renewal } from './renewal.ts';

const key = (scope: string) => ({ vendor: 'nymbl', scope });
const renewal = {} as Renewal;

const setUp = (maxEntries: number) => {
  const evicted: (string | undefined)[] = [];
  const entries = createEntries(maxEntries, (entry: Entry) => evicted.push(entry.key.scope));
  return { entries, evicted };
};

test('finds an entry by its key, and by the key object that was passed last', () => {
  const { entries } = setUp(10);
  const [first, second] = [key('a'), key('a')];
  const entry = entries.ensure(first);
  expect(entries.ensure(second)).toBe(entry);
  expect(entries.recognise(second)).toBe(entry);
  expect(entries.recognise(first)).toBeUndefined();
  expect(entries.find(first)).toBe(entry);
  expect(entries.recognise(first)).toBe(entry);
  expect(entries.find(key('b'))).toBeUndefined();
  expect(entries.size()).toBe(1);
});

test('a key object that was changed does not find what it stood for', () => {
  const { entries } = setUp(10);
  const changing = key('a');
  const entry = entries.ensure(changing);
  changing.scope = 'b';
  expect(entries.recognise(changing)).toBeUndefined();
  expect(entries.ensure(changing)).not.toBe(entry);
  expect(entry.key.scope).toBe('a');
  changing.scope = 'a';
  expect(entries.find(changing)).toBe(entry);
});

test('a frozen key object is known by itself', () => {
  const { entries } = setUp(10);
  const frozen = Object.freeze(key('a'));
  const entry = entries.ensure(frozen);
  expect(entries.recognise(frozen)).toBe(entry);
  const thawed = key('a');
  entries.find(thawed);
  thawed.scope = 'b';
  expect(entries.recognise(thawed)).toBeUndefined();
});

test('keeps no more entries than allowed, and lets go first of those that nobody read', () => {
  const { entries, evicted } = setUp(3);
  const [a, b] = [key('a'), key('b')].map(entries.ensure);
  entries.ensure(key('c'));
  if (a && b) a.used = b.used = true;
  entries.ensure(key('d'));
  expect(evicted).toEqual(['c']);
  expect([a?.used, b?.used]).toEqual([false, false]);
  entries.ensure(key('e'));
  expect(evicted).toEqual(['c', 'a']);
  entries.ensure(key('f'));
  expect(evicted).toEqual(['c', 'a', 'b']);
  expect(entries.size()).toBe(3);
  expect(entries.find(key('a'))).toBeUndefined();
});

test('an evicted entry is not found by its key object either', () => {
  const { entries } = setUp(1);
  const first = key('a');
  entries.ensure(first);
  entries.ensure(key('b'));
  expect(entries.recognise(first)).toBeUndefined();
});

test('never lets go of an entry that is being renewed', () => {
  const { entries, evicted } = setUp(2);
  entries.ensure(key('a')).renewal = renewal;
  entries.ensure(key('b'));
  entries.ensure(key('c'));
  entries.ensure(key('d'));
  expect(evicted).toEqual(['b', 'c']);
  expect(entries.find(key('a'))).toBeDefined();
});

test('refuses a new key when all are being renewed', () => {
  const { entries } = setUp(2);
  for (const scope of ['a', 'b']) entries.ensure(key(scope)).renewal = renewal;
  expect(() => entries.ensure(key('c'))).toThrow(
    expect.objectContaining({
      code: 'overloaded',
      vendor: 'nymbl',
      message: 'Every key that the token cache has room for is being renewed.',
    }),
  );
  expect(entries.size()).toBe(2);
  expect(entries.ensure(key('a')).renewal).toBe(renewal);
});

test('looks at so many entries only before it takes one that was read', () => {
  const { entries, evicted } = setUp(1500);
  for (let index = 0; index < 1500; index += 1) entries.ensure(key(`${index}`)).used = true;
  entries.ensure(key('new'));
  expect(evicted).toEqual(['1000']);
});

test('looks at so many entries only before it gives up', () => {
  const { entries, evicted } = setUp(4000);
  for (let index = 0; index < 4000; index += 1) {
    entries.ensure(key(`${index}`)).renewal = index < 3000 ? renewal : undefined;
  }
  expect(() => entries.ensure(key('new'))).toThrow(expect.objectContaining({ code: 'overloaded' }));
  entries.ensure(key('new'));
  expect(evicted).toEqual(['3000']);
});

test('forgets everything when told to', () => {
  const { entries, evicted } = setUp(2);
  const first = key('a');
  entries.ensure(first);
  entries.clear();
  expect(entries.size()).toBe(0);
  expect(entries.recognise(first)).toBeUndefined();
  expect(entries.find(first)).toBeUndefined();
  expect(evicted).toEqual([]);
});
