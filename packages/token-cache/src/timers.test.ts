import { expect, test, vi } from 'vitest';
import { createVirtualTime } from './testing/virtual-time.ts';
import { pause, systemTimers } from './timers.ts';

test('the timers of this process call back after the delay, unless taken back', () => {
  vi.useFakeTimers();
  const called: string[] = [];
  systemTimers.after(20, () => called.push('kept'));
  const cancel = systemTimers.after(10, () => called.push('taken back'));
  cancel();
  vi.advanceTimersByTime(19);
  expect(called).toEqual([]);
  vi.advanceTimersByTime(1);
  expect(called).toEqual(['kept']);
  vi.useRealTimers();
});

test('a pause lasts as long as it should', async () => {
  const time = createVirtualTime();
  let over = false;
  void pause(time, 100, new AbortController().signal).then(() => (over = true));
  await time.advance(99);
  expect(over).toBe(false);
  await time.advance(1);
  expect(over).toBe(true);
});

test('a pause ends with its signal, before or during, and leaves no timer', async () => {
  const time = createVirtualTime();
  await pause(time, 100, AbortSignal.abort());
  expect(time.pendingTimers()).toBe(0);
  const controller = new AbortController();
  const pausing = pause(time, 100, controller.signal);
  expect(time.pendingTimers()).toBe(1);
  controller.abort();
  await pausing;
  expect(time.pendingTimers()).toBe(0);
});
