import { expect, onTestFinished, test, vi } from 'vitest';
import { createMemoryRecords } from './memory-records.ts';

test('a record in memory can be read until the millisecond before its expiry', async () => {
  let nowMs = 0;
  const records = createMemoryRecords(() => nowMs);
  await records.write('a', 'value', 10);
  nowMs = 9;
  expect(await records.read('a')).toEqual({ nowMs: 9, value: 'value', expiresAtMs: 10 });
  nowMs = 10;
  expect(await records.read('a')).toEqual({ nowMs: 10 });
});

test('records in memory use the monotonic clock of the process by default', async () => {
  vi.useFakeTimers();
  onTestFinished(() => void vi.useRealTimers());
  const records = createMemoryRecords();
  const startMs = performance.now();
  await records.add('a', 'value', 60_000);
  vi.setSystemTime(0);
  vi.advanceTimersByTime(59_999);
  expect(await records.read('a')).toEqual({
    nowMs: startMs + 59_999,
    value: 'value',
    expiresAtMs: startMs + 60_000,
  });
  vi.advanceTimersByTime(1);
  expect(await records.read('a')).toEqual({ nowMs: startMs + 60_000 });
  expect(await records.close()).toBeUndefined();
});
