import { expect, test } from 'vitest';
import type { ValetKeyError } from '@valetkey/core-types';
import { createVirtualClock } from '../testing/virtual-clock.ts';
import { createMemoryReplayStore, type ReplayStore } from './replay-store.ts';

test('the memory replay store throws overloaded for a new proof while it is full, and forgets expired proofs', () => {
  const clock = createVirtualClock();
  const store = createMemoryReplayStore(clock);
  for (let index = 0; index < 200_000; index += 1) void store.add(`${index}`, 60, `caller-${index}`);
  expect(() => store.add('one more', 60, 'one more')).toThrow(expect.objectContaining({ code: 'overloaded' }));
  expect(store.add('7', 60, 'caller-7')).toBe(false);
  clock.advance(60_000);
  expect(store.add('one more', 60, 'one more')).toBe(true);
  expect(store.add('7', 60, 'caller-7')).toBe(true);
});

/** Adds new proofs of a caller until the store refuses one. Returns how many it accepted, and the error. */
function fill(store: ReplayStore, callerId: string): { readonly accepted: number; readonly error: unknown } {
  for (let accepted = 0; ; accepted += 1) {
    try {
      void store.add(`${callerId} ${accepted}`, 60, callerId);
    } catch (error) {
      return { accepted, error };
    }
  }
}

test('a caller that adds proofs without end is refused alone, as rate_limited, and takes no room of the others', () => {
  const store = createMemoryReplayStore(createVirtualClock());
  const { accepted, error } = fill(store, 'mallory');
  expect(error).toMatchObject({ code: 'rate_limited', retryAfterSeconds: 1 });
  expect(accepted).toBe(3922);
  for (let index = 0; index < 1000; index += 1) {
    expect(store.add(`alice ${index}`, 60, 'alice')).toBe(true);
    expect(store.add(`other ${index}`, 60, `caller-${index}`)).toBe(true);
  }
  expect(() => store.add('one more', 60, 'mallory')).toThrow(expect.objectContaining({ code: 'rate_limited' }));
  expect(store.add('mallory 7', 60, 'mallory')).toBe(false);
});

test('three hundred callers that add proofs without end leave room to every other caller', () => {
  const store = createMemoryReplayStore(createVirtualClock());
  const fills = Array.from({ length: 300 }, (_, index) => fill(store, `mallory-${index}`));
  expect(new Set(fills.map(({ error }) => (error as ValetKeyError).code))).toEqual(new Set(['rate_limited']));
  for (let index = 0; index < 100; index += 1) expect(store.add(`alice-${index}`, 60, `alice-${index}`)).toBe(true);
});

test('an expired proof leaves room to its caller and to others, also while an older proof of a longer life is in use', () => {
  const clock = createVirtualClock();
  const store = createMemoryReplayStore(clock);
  void store.add('long', 310, 'alice');
  expect(fill(store, 'mallory')).toMatchObject({ accepted: 3922 });
  clock.advance(60_000);
  expect(fill(store, 'mallory')).toMatchObject({ accepted: 3922 });
  expect(store.add('long', 310, 'alice')).toBe(false);
});

test('a proof that is in use is refused also with another life', () => {
  const clock = createVirtualClock();
  const store = createMemoryReplayStore(clock);
  expect(store.add('proof', 60, 'alice')).toBe(true);
  expect(store.add('proof', 310, 'alice')).toBe(false);
  clock.advance(60_000);
  expect(store.add('proof', 310, 'alice')).toBe(true);
});
