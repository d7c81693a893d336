import { expect, test } from 'vitest';
import { createMemoryRecords } from './memory-records.ts';

test('a record is over at its end, not after it', async () => {
  let nowMs = 0;
  const records = createMemoryRecords(() => nowMs);
  await records.write('a', 'value', 10);
  nowMs = 9;
  expect(await records.read('a')).toEqual({ nowMs: 9, value: 'value', expiresAtMs: 10 });
  nowMs = 10;
  expect(await records.read('a')).toEqual({ nowMs: 10 });
});

test('its own clock goes on by itself', async () => {
  const records = createMemoryRecords();
  await records.add('a', 'value', 60_000);
  const { nowMs, expiresAtMs } = await records.read('a');
  expect(Math.abs(nowMs - performance.now())).toBeLessThan(1000);
  expect((expiresAtMs ?? 0) - nowMs).toBeLessThanOrEqual(60_000);
  expect(await records.close()).toBeUndefined();
});
