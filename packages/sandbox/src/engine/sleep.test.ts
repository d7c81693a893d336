import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { systemSleep } from './sleep.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

test('systemSleep resolves after the given milliseconds and not before', async () => {
  const finished = vi.fn<() => void>();
  void systemSleep(50, new AbortController().signal).then(finished);
  await vi.advanceTimersByTimeAsync(49);
  expect(finished).not.toHaveBeenCalled();
  await vi.advanceTimersByTimeAsync(1);
  expect(finished).toHaveBeenCalledOnce();
});

test('systemSleep resolves at once when its signal aborts, and leaves no timer behind', async () => {
  const controller = new AbortController();
  const sleeping = systemSleep(600_000, controller.signal);
  expect(vi.getTimerCount()).toBe(1);
  controller.abort();
  await sleeping;
  expect(vi.getTimerCount()).toBe(0);
  await systemSleep(600_000, controller.signal);
  expect(vi.getTimerCount()).toBe(0);
});
