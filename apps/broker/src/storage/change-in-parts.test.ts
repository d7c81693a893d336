import { expect, test } from 'vitest';
import { changeInParts } from './change-in-parts.ts';

/** Changes rows while one row takes so many milliseconds. Returns the size of each part, and the pause after it. */
async function change(millisecondsOfRow: (part: number) => number, parts: number, signal?: AbortSignal) {
  let nowMs = 0;
  const sizes: number[] = [];
  const pauses: number[] = [];
  await changeInParts(
    { clock: { monotonicMs: () => nowMs }, signal, pause: async (milliseconds) => pauses.push(milliseconds) },
    async (rows) => {
      nowMs += rows * millisecondsOfRow(sizes.length);
      return sizes.push(rows) < parts;
    },
  );
  return { sizes, pauses };
}

test('changeInParts doubles its parts while they are quick, up to a thousand rows', async () => {
  const { sizes, pauses } = await change(() => 0.001, 10);
  expect(sizes).toEqual([5, 10, 20, 40, 80, 160, 320, 640, 1_000, 1_000]);
  expect(new Set(pauses)).toEqual(new Set([1]));
});

test('changeInParts makes its parts smaller after one took longer than ten milliseconds, and pauses for as long', async () => {
  const { sizes, pauses } = await change((part) => (part === 0 ? 0.1 : 8), 5);
  expect(sizes).toEqual([5, 10, 1, 1, 1]);
  expect(pauses).toEqual([1, 80, 8, 8]);
});

test('changeInParts begins no further part after its signal aborted', async () => {
  const ended = new AbortController();
  ended.abort();
  expect((await change(() => 1, 5, ended.signal)).sizes).toEqual([]);
});
