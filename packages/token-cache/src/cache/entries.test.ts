import { expect, test } from 'vitest';
import type { Entry, Renewal } from '../renewal/entry.ts';
import { createEntries } from './entries.ts';

const key = (scope: string) => ({ vendor: 'nymbl', scope });
const renewal = {} as Renewal;

function setUp(maxEntries: number) {
  const evicted: (string | undefined)[] = [];
  const entries = createEntries(maxEntries, (entry: Entry) => evicted.push(entry.key.scope));
  return { entries, evicted };
}

test('an entry is found by its key, and recognised by the key object that was passed last', () => {
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

test('a key object that was changed does not find the entry of its old value', () => {
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

test('a frozen key object is recognised, and a changed one is not even if it replaced a frozen one', () => {
  const { entries } = setUp(10);
  const frozen = Object.freeze(key('a'));
  const entry = entries.ensure(frozen);
  expect(entries.recognise(frozen)).toBe(entry);
  const thawed = key('a');
  entries.find(thawed);
  thawed.scope = 'b';
  expect(entries.recognise(thawed)).toBeUndefined();
});

test('no more entries than allowed are kept, and entries that were not read are evicted first', () => {
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

test('an evicted entry is not recognised by its key object', () => {
  const { entries } = setUp(1);
  const first = key('a');
  entries.ensure(first);
  entries.ensure(key('b'));
  expect(entries.recognise(first)).toBeUndefined();
});

test('an entry that is being renewed is never evicted', () => {
  const { entries, evicted } = setUp(2);
  entries.ensure(key('a')).renewal = renewal;
  entries.ensure(key('b'));
  entries.ensure(key('c'));
  entries.ensure(key('d'));
  expect(evicted).toEqual(['b', 'c']);
  expect(entries.find(key('a'))).toBeDefined();
});

test('a new key is refused while every entry is being renewed', () => {
  const { entries } = setUp(2);
  for (const scope of ['a', 'b']) entries.ensure(key(scope)).renewal = renewal;
  expect(() => entries.ensure(key('c'))).toThrow(
    expect.objectContaining({
      code: 'overloaded',
      vendor: 'nymbl',
      message: 'The token cache is full, and its keys are being renewed.',
    }),
  );
  expect(entries.size()).toBe(2);
  expect(entries.ensure(key('a')).renewal).toBe(renewal);
});

test('one eviction spares 1,000 used entries and evicts the next one', () => {
  const { entries, evicted } = setUp(1500);
  for (let index = 0; index < 1500; index += 1) entries.ensure(key(`${index}`)).used = true;
  entries.ensure(key('new'));
  expect(evicted).toEqual(['1000']);
});

test('one eviction considers a limited number of entries before it refuses the new key', () => {
  const { entries, evicted } = setUp(4000);
  for (let index = 0; index < 4000; index += 1) {
    entries.ensure(key(`${index}`)).renewal = index < 3000 ? renewal : undefined;
  }
  expect(() => entries.ensure(key('new'))).toThrow(expect.objectContaining({ code: 'overloaded' }));
  entries.ensure(key('new'));
  expect(evicted).toEqual(['3000']);
});

test('clear removes every entry without an eviction', () => {
  const { entries, evicted } = setUp(2);
  const first = key('a');
  entries.ensure(first);
  entries.clear();
  expect(entries.size()).toBe(0);
  expect(entries.recognise(first)).toBeUndefined();
  expect(entries.find(first)).toBeUndefined();
  expect(evicted).toEqual([]);
});
