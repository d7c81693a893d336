import { expect, test } from 'vitest';
import { createReplica } from './replica.ts';
import { createWorld } from './world.ts';

function setUp(crashAtDelivery?: number) {
  const world = createWorld(1);
  const replica = createReplica({ name: 'replica', world, crashAtDelivery, onCrash: () => undefined });
  return { world, replica };
}

test('a delivery to a frozen replica arrives when the freeze ends and is counted once', async () => {
  const { world, replica } = setUp();
  const arrivedAtMs: number[] = [];
  replica.freeze(100);
  replica.deliver(() => arrivedAtMs.push(world.nowMs()));
  await world.runUntil(200);
  expect(arrivedAtMs).toEqual([100]);
  expect(replica.deliveries()).toBe(1);
});

test('a timer that falls due during a freeze is pending until the freeze ends', async () => {
  const { world, replica } = setUp();
  let called = 0;
  replica.timers.after(50, () => (called += 1));
  replica.freeze(100);
  await world.runUntil(99);
  expect([called, replica.pendingTimers()]).toEqual([0, 1]);
  await world.runUntil(100);
  expect([called, replica.pendingTimers()]).toEqual([1, 0]);
});

test('a timer that fell due during a freeze does not run if it is cancelled when the freeze ends', async () => {
  const { world, replica } = setUp();
  let called = 0;
  replica.freeze(100);
  const cancels: (() => void)[] = [];
  replica.deliver(() => cancels.forEach((cancel) => cancel()));
  cancels.push(replica.timers.after(50, () => (called += 1)));
  await world.runUntil(200);
  expect([called, replica.pendingTimers()]).toEqual([0, 0]);
});

test('a replica crashes at the delivery crashAtDelivery and counts no later delivery', async () => {
  const { replica } = setUp(2);
  const arrived: number[] = [];
  for (const delivery of [1, 2, 3]) replica.deliver(() => arrived.push(delivery));
  expect(arrived).toEqual([1]);
  expect(replica.alive()).toBe(false);
  expect(replica.deliveries()).toBe(2);
});
