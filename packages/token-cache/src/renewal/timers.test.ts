import { expect, onTestFinished, test, vi } from 'vitest';
import { createVirtualTime } from '../testing/virtual-time.ts';
import { pause, systemTimers } from './timers.ts';

test('systemTimers.after calls back after the delay, unless the timer is cancelled', () => {
  vi.useFakeTimers();
  onTestFinished(() => void vi.useRealTimers());
  const called: string[] = [];
  systemTimers.after(20, () => called.push('kept'));
  const cancel = systemTimers.after(10, () => called.push('cancelled'));
  cancel();
  vi.advanceTimersByTime(19);
  expect(called).toEqual([]);
  vi.advanceTimersByTime(1);
  expect(called).toEqual(['kept']);
});

test('pause resolves after its delay', async () => {
  const time = createVirtualTime();
  let ended = false;
  void pause(time, 100, new AbortController().signal).then(() => (ended = true));
  await time.advance(99);
  expect(ended).toBe(false);
  await time.advance(1);
  expect(ended).toBe(true);
});

test('pause resolves when its signal aborts, before or during the pause, and leaves no timer', async () => {
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
