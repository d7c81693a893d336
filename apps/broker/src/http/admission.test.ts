import { expect, test } from 'vitest';
import { createVirtualClock } from '../../test/support/virtual-clock.ts';
import { createAdmission } from './admission.ts';

/** Creates an admission whose turns and clock the test moves. */
function createHarness() {
  const clock = createVirtualClock();
  const deferred: (() => void)[] = [];
  const changes: unknown[] = [];
  const admission = createAdmission({
    clock,
    defer: (run) => void deferred.push(run),
    onChange: (change) => changes.push(change),
  });
  let started = 0;
  let refused = 0;
  /** Lets requests arrive, as the server does: they wait only if no start is left. */
  const arrive = (count: number): void => {
    for (let index = 0; index < count; index += 1) {
      if (admission.startsLeft > 0) {
        admission.startsLeft -= 1;
        started += 1;
      } else {
        admission.wait((isRefused) => {
          if (isRefused) refused += 1;
          else started += 1;
        });
      }
    }
  };
  const turn = (milliseconds: number): void => {
    clock.advance(milliseconds);
    for (const run of deferred.splice(0)) run();
  };
  /** Returns what became of the requests since the last call. */
  const take = () => {
    const counts = { started, refused };
    started = 0;
    refused = 0;
    return counts;
  };
  const isWaiting = () => deferred.length > 0;
  return { admission, changes, arrive, turn, take, isWaiting };
}

test('requests that arrive a few at a time start at once', () => {
  const { arrive, turn, take, changes } = createHarness();
  for (let count = 0; count < 100; count += 1) {
    arrive(10);
    turn(1);
  }
  expect(take()).toEqual({ started: 1_000, refused: 0 });
  expect(changes).toEqual([]);
});

test('requests that arrive at once start in their order, 32 in each turn of the event loop, and none is refused', () => {
  const { admission, arrive, turn, take, isWaiting } = createHarness();
  arrive(100);
  expect(take()).toEqual({ started: 32, refused: 0 });
  const order: number[] = [];
  admission.wait(() => order.push(1));
  admission.wait(() => order.push(2));
  turn(1);
  expect(take()).toEqual({ started: 32, refused: 0 });
  turn(1);
  turn(1);
  expect(take()).toEqual({ started: 36, refused: 0 });
  expect(order).toEqual([1, 2]);
  expect(isWaiting()).toBe(false);
});

test('a request that arrives while others wait does not overtake them', () => {
  const { admission, arrive, turn, take } = createHarness();
  arrive(33);
  expect(admission.startsLeft).toBe(0);
  turn(1);
  expect(take()).toEqual({ started: 33, refused: 0 });
  expect(admission.startsLeft).toBe(32);
});

test('a burst of 1,500 requests is served, however long it takes', () => {
  const { arrive, turn, take, isWaiting, changes } = createHarness();
  arrive(1_500);
  while (isWaiting()) turn(60_000);
  expect(take()).toEqual({ started: 1_500, refused: 0 });
  expect(changes).toEqual([]);
});

test('while more requests arrive than can start, those that waited more than 25 ms are refused', () => {
  const { arrive, turn, take, changes } = createHarness();
  for (let count = 0; count < 120; count += 1) {
    arrive(96);
    turn(5);
  }
  expect(changes).toEqual(['saturated']);
  take();
  for (let count = 0; count < 1_000; count += 1) {
    arrive(96);
    turn(5);
  }
  const { started, refused } = take();
  expect(started).toBe(32_000);
  expect(refused).toBeGreaterThan(63_500);
  expect(refused).toBeLessThan(72_000);
});

test('a flood is refused in parts, so that no turn is long', () => {
  const { arrive, turn, take, changes } = createHarness();
  for (let count = 0; count < 120; count += 1) {
    arrive(600);
    turn(5);
  }
  expect(changes).toEqual(['saturated']);
  take();
  turn(100);
  expect(take()).toEqual({ started: 32, refused: 512 });
});

test('the broker is saturated until no request waited too long for two seconds, and then says how many it refused', () => {
  const { arrive, turn, take, isWaiting, changes } = createHarness();
  for (let count = 0; count < 150; count += 1) {
    arrive(96);
    turn(5);
  }
  while (isWaiting()) turn(30);
  expect(changes).toEqual(['saturated']);
  const { refused } = take();
  expect(refused).toBeGreaterThan(0);
  arrive(40);
  turn(1_900);
  arrive(33);
  turn(1);
  expect(changes, 'a request waited too long meanwhile').toHaveLength(1);
  for (let count = 0; count < 30; count += 1) {
    arrive(33);
    turn(100);
  }
  expect(changes).toEqual(['saturated', { refused }]);
  arrive(1_500);
  for (let count = 0; count < 10; count += 1) turn(1);
  expect(take().refused, 'a new burst is served like the first').toBe(0);
});
