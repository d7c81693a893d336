import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { createMemoryRecords } from './memory-records.ts';
import { recordStoreConformance } from './record-store-conformance.ts';
import type { RecordStore } from './store-types.ts';

describe('createMemoryRecords', () => {
  const records = createMemoryRecords();
  test.each(recordStoreConformance({ open: () => records }))('createMemoryRecords: $name', async ({ run }) => {
    vi.useFakeTimers();
    onTestFinished(() => void vi.useRealTimers());
    const running = run();
    await vi.runAllTimersAsync();
    await expect(running).resolves.toBeUndefined();
  });
});

/** Runs the suite over a virtual clock and returns the names of the checks that failed. */
async function failedChecks(
  spoil: (records: RecordStore, now: () => number) => Partial<RecordStore>,
): Promise<string[]> {
  let nowMs = 0;
  const sound = createMemoryRecords(() => nowMs);
  const open = (): RecordStore => ({ ...sound, ...spoil(sound, () => nowMs) });
  const wait = async (milliseconds: number): Promise<void> => void (nowMs += milliseconds);
  const failed: string[] = [];
  for (const { name, run } of recordStoreConformance({ open, wait })) await run().catch(() => failed.push(name));
  return failed;
}

test('a correct store passes every check, and the suite closes every store that it opened', async () => {
  let closed = 0;
  expect(await failedChecks(() => ({ close: async () => void (closed += 1) }))).toEqual([]);
  expect(closed).toBe(2 * recordStoreConformance({ open: () => createMemoryRecords() }).length);
});

test('the suite closes a store once if open returns the same store twice', async () => {
  let closed = 0;
  const records = { ...createMemoryRecords(), close: async () => void (closed += 1) };
  const [first] = recordStoreConformance({ open: () => records });
  await first?.run();
  expect(closed).toBe(1);
});

const later = <Value>(value: () => Promise<Value>): Promise<Value> => Promise.resolve().then(value);

let jumpedToMs = 0;

test.each<[string, string, (records: RecordStore, now: () => number) => Partial<RecordStore>]>([
  [
    'returns the time if there is no record',
    'returns NaN as the time',
    () => ({ read: async () => ({ nowMs: Number.NaN }) }),
  ],
  [
    'returns the time if there is no record',
    'returns empty text for no record',
    (sound) => ({ read: async (id) => ({ value: '', ...(await sound.read(id)) }) }),
  ],
  [
    'shows all readers the same clock, which advances',
    'has a clock that stands still',
    (sound) => ({ read: async (id) => ({ ...(await sound.read(id)), nowMs: 0 }) }),
  ],
  [
    'shows all readers the same clock, which advances',
    'has a clock that jumps',
    (sound) => ({ read: async (id) => ({ ...(await sound.read(id)), nowMs: (jumpedToMs += 1e6) }) }),
  ],
  [
    'shows a written value and its expiry to other readers',
    'returns no expiry',
    (sound) => ({ read: async (id) => ({ ...(await sound.read(id)), expiresAtMs: undefined }) }),
  ],
  [
    'shows a written value and its expiry to other readers',
    'keeps values for too long',
    (sound, now) => ({ write: (id, value) => sound.write(id, value, now() + 120_000) }),
  ],
  [
    'shows a written value and its expiry to other readers',
    'truncates values',
    (sound) => ({ write: (id, value, endMs) => sound.write(id, value.slice(0, 1000), endMs) }),
  ],
  [
    'overwrites an existing value',
    'keeps the first value',
    (sound, now) => ({ write: async (id, value, endMs) => void (await sound.add(id, value, endMs - now())) }),
  ],
  [
    'removes a written record when it expires',
    'keeps written records forever',
    (sound) => ({ write: (id, value) => sound.write(id, value, Infinity) }),
  ],
  [
    'never shows a record that was written with a past expiry',
    'extends expired records',
    (sound, now) => ({ write: (id, value, endMs) => sound.write(id, value, Math.max(endMs, now() + 10)) }),
  ],
  [
    'keeps records with different ids apart',
    'has a single record',
    (sound) => ({ read: () => sound.read('x'), write: (_, value, endMs) => sound.write('x', value, endMs) }),
  ],
  [
    'adds a record once',
    'overwrites when it adds',
    (sound, now) => ({ add: async (id, value, ms) => sound.write(id, value, now() + ms).then(() => true) }),
  ],
  [
    'adds a record for exactly one of many concurrent callers',
    'adds in two steps',
    (sound, now) => ({
      add: async (id, value, ms) => {
        if ((await sound.read(id)).value !== undefined) return false;
        await sound.write(id, value, now() + ms);
        return true;
      },
    }),
  ],
  [
    'removes an added record when it expires',
    'keeps added records forever',
    (sound) => ({ add: (id, value) => sound.add(id, value, Infinity) }),
  ],
  [
    'replaces the expected value and its expiry',
    'replaces nothing',
    (sound) => ({ replace: async (id, expected) => (await sound.read(id)).value === expected }),
  ],
  [
    'replaces the expected value and its expiry',
    'keeps replaced records forever',
    (sound) => ({ replace: (id, expected, value) => sound.replace(id, expected, value, Infinity) }),
  ],
  [
    'replaces the expected value and its expiry',
    'keeps the first expiry when it replaces',
    (sound, now) => ({
      replace: async (id, expected, value) => {
        const { expiresAtMs = 0 } = await sound.read(id);
        return sound.replace(id, expected, value, expiresAtMs - now());
      },
    }),
  ],
  [
    'does not replace a value other than the expected one',
    'replaces any value',
    (sound, now) => ({ replace: async (id, _, value, ms) => sound.write(id, value, now() + ms).then(() => true) }),
  ],
  [
    'replaces a value for exactly one of many concurrent callers',
    'replaces in two steps',
    (sound, now) => ({
      replace: async (id, expected, value, ms) => {
        if ((await sound.read(id)).value !== expected) return false;
        await sound.write(id, value, now() + ms);
        return true;
      },
    }),
  ],
  [
    'removes only the expected value',
    'removes any value',
    (sound) => ({ remove: async (id) => sound.remove(id, (await sound.read(id)).value ?? '') }),
  ],
  ['removes only the expected value', 'removes nothing', () => ({ remove: async () => false })],
  [
    'reports a removal to exactly one of many concurrent callers',
    'removes in two steps',
    (sound) => ({
      remove: async (id, expected) => {
        const found = (await sound.read(id)).value === expected;
        await later(() => sound.remove(id, expected));
        return found;
      },
    }),
  ],
])('the check "%s" fails a store that %s', async (name, _mistake, spoil) => {
  expect(await failedChecks(spoil)).toContain(name);
});
