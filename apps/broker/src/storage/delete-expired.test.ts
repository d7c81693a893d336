import { setImmediate } from 'node:timers/promises';
import { systemClock } from '@valetkey/core-types';
import { afterEach, expect, test, vi } from 'vitest';
import { startExpiry } from './delete-expired.ts';

afterEach(() => {
  vi.useRealTimers();
});

test('deletes expired rows at the start and every hour until none is left, also after a failure, and stops its timer at the end', async () => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
  const results: (number | Error)[] = [1_000, 3, 0, new Error('canary'), 0];
  const moments: number[] = [];
  let nowMs = 1;
  const deleteExpired = async (beforeMs: number) => {
    moments.push(beforeMs);
    const result = results.shift() ?? 0;
    if (result instanceof Error) throw result;
    return result;
  };
  const end = startExpiry({
    store: { deleteExpired },
    clock: { ...systemClock, nowMs: () => nowMs },
    pause: async () => undefined,
  });
  const settle = async () => {
    for (let turn = 0; turn < 5; turn += 1) await setImmediate();
  };
  await settle();
  expect(moments).toEqual([1, 1, 1]);
  for (nowMs = 2; nowMs <= 3; nowMs += 1) {
    vi.advanceTimersByTime(3_600_000);
    await settle();
  }
  expect(moments).toEqual([1, 1, 1, 2, 3]);
  end();
  expect(vi.getTimerCount()).toBe(0);
});
