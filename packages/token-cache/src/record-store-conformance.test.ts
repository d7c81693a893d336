import { describe, expect, test } from 'vitest';
import { createMemoryRecords, recordStoreConformance } from './conformance.ts';
import type { RecordStore } from './store-types.ts';

describe('records in memory', () => {
  const records = createMemoryRecords();
  test.each(recordStoreConformance({ open: () => records }))('$name', async ({ run }) => {
    await expect(run()).resolves.toBeUndefined();
  });
});

/** Runs the suite over a clock of its own, so that no check has to wait; answers the names of those that failed. */
const failures = async (
  spoil: (records: RecordStore, now: () => number) => Partial<RecordStore>,
): Promise<string[]> => {
  let nowMs = 0;
  const sound = createMemoryRecords(() => nowMs);
  const open = (): RecordStore => ({ ...sound, ...spoil(sound, () => nowMs) });
  const wait = async (milliseconds: number): Promise<void> => void (nowMs += milliseconds);
  const failed: string[] = [];
  for (const { name, run } of recordStoreConformance({ open, wait })) await run().catch(() => failed.push(name));
  return failed;
};

test('passes a sound store, and closes what it opened', async () => {
  let closed = 0;
  expect(await failures(() => ({ close: async () => void (closed += 1) }))).toEqual([]);
  expect(closed).toBe(2 * recordStoreConformance({ open: () => createMemoryRecords() }).length);
});

test('closes what it opened once, if that is one', async () => {
  let closed = 0;
  const records = { ...createMemoryRecords(), close: async () => void (closed += 1) };
  const [first] = recordStoreConformance({ open: () => records });
  await first?.run();
  expect(closed).toBe(1);
});

const later = <Value>(value: () => Promise<Value>): Promise<Value> => Promise.resolve().then(value);

test.each<[string, (records: RecordStore, now: () => number) => Partial<RecordStore>]>([
  ['tells the time where there is no record', () => ({ read: async () => ({ nowMs: Number.NaN }) })],
  [
    'tells the time where there is no record',
    (sound) => ({ read: async (id) => ({ value: '', ...(await sound.read(id)) }) }),
  ],
  [
    'has one clock for all, and it goes on',
    (sound) => ({ read: async (id) => ({ ...(await sound.read(id)), nowMs: 0 }) }),
  ],
  [
    'has one clock for all, and it goes on',
    (sound) => ({ read: async (id) => ({ ...(await sound.read(id)), nowMs: 1e6 * Math.random() }) }),
  ],
  [
    'shows to others what was written, and when it ends',
    (sound) => ({ read: async (id) => ({ ...(await sound.read(id)), expiresAtMs: undefined }) }),
  ],
  [
    'shows to others what was written, and when it ends',
    (sound, now) => ({ write: (id, value) => sound.write(id, value, now() + 120_000) }),
  ],
  [
    'shows to others what was written, and when it ends',
    (sound) => ({ write: (id, value, endMs) => sound.write(id, value.slice(0, 1000), endMs) }),
  ],
  [
    'writes over what is there',
    (sound, now) => ({ write: async (id, value, endMs) => void (await sound.add(id, value, endMs - now())) }),
  ],
  ['forgets a record at its end', (sound) => ({ write: (id, value) => sound.write(id, value, Infinity) })],
  [
    'never shows a record whose end is past when it is written',
    (sound, now) => ({ write: (id, value, endMs) => sound.write(id, value, Math.max(endMs, now() + 10)) }),
  ],
  [
    'keeps records apart',
    (sound) => ({ read: () => sound.read('x'), write: (_, value, endMs) => sound.write('x', value, endMs) }),
  ],
  [
    'adds where nothing is, once',
    (sound, now) => ({ add: async (id, value, ms) => sound.write(id, value, now() + ms).then(() => true) }),
  ],
  [
    'lets one of many add',
    (sound, now) => ({
      add: async (id, value, ms) => {
        if ((await sound.read(id)).value !== undefined) return false;
        await sound.write(id, value, now() + ms);
        return true;
      },
    }),
  ],
  ['ends what was added', (sound) => ({ add: (id, value) => sound.add(id, value, Infinity) })],
  [
    'replaces what is expected, and gives it a new end',
    (sound) => ({ replace: async (id, expected) => (await sound.read(id)).value === expected }),
  ],
  [
    'replaces what is expected, and gives it a new end',
    (sound) => ({ replace: (id, expected, value) => sound.replace(id, expected, value, Infinity) }),
  ],
  [
    'replaces nothing else',
    (sound, now) => ({ replace: async (id, _, value, ms) => sound.write(id, value, now() + ms).then(() => true) }),
  ],
  [
    'lets one of many replace',
    (sound, now) => ({
      replace: async (id, expected, value, ms) => {
        if ((await sound.read(id)).value !== expected) return false;
        await sound.write(id, value, now() + ms);
        return true;
      },
    }),
  ],
  [
    'removes what is expected, and nothing else',
    (sound) => ({ remove: async (id) => sound.remove(id, (await sound.read(id)).value ?? '') }),
  ],
  ['removes what is expected, and nothing else', () => ({ remove: async () => false })],
  [
    'takes one as removed by one alone',
    (sound) => ({
      remove: async (id, expected) => {
        const found = (await sound.read(id)).value === expected;
        await later(() => sound.remove(id, expected));
        return found;
      },
    }),
  ],
])('notices a store that fails: %s', async (name, spoil) => {
  expect(await failures(spoil)).toContain(name);
});
