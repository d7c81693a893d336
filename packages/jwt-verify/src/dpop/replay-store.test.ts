import { expect, test } from 'vitest';
import { createVirtualClock } from '../testing/virtual-clock.ts';
import { createMemoryReplayStore } from './replay-store.ts';

test('the memory replay store throws overloaded for a new proof while it is full, and forgets expired proofs', () => {
  const clock = createVirtualClock();
  const store = createMemoryReplayStore(clock);
  for (let index = 0; index < 200_000; index += 1) void store.add(`${index}`, 60);
  expect(() => store.add('one more', 60)).toThrow(expect.objectContaining({ code: 'overloaded' }));
  expect(store.add('7', 60)).toBe(false);
  clock.advance(60_000);
  expect(store.add('one more', 60)).toBe(true);
  expect(store.add('7', 60)).toBe(true);
});
