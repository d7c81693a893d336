import { setImmediate } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { createVirtualClock } from '../../test/support/virtual-clock.ts';
import type { Decision } from '../storage/audit-store.ts';
import { createDecisionWriter } from './audit.ts';

const decision: Decision = {
  at: '2026-06-01T12:00:00.000Z',
  requestId: 'r1',
  operation: 'issue',
  issuer: 'https://id.example.com',
  subject: 'alice',
  outcome: 'allowed',
};

/** Records the decisions of each transaction. Each transaction lasts until `commit` is called. */
function createHarness() {
  const batches: (readonly Decision[])[] = [];
  const ends: { readonly commit: () => void; readonly fail: () => void }[] = [];
  const calls: string[] = [];
  const commits: (readonly [string, number])[] = [];
  const clock = createVirtualClock();
  const { write, countWaiting } = createDecisionWriter({
    store: {
      recordDecisions: async (decisions) => {
        batches.push(decisions);
        const { promise, resolve, reject } = Promise.withResolvers<void>();
        ends.push({ commit: resolve, fail: () => reject(new Error('full')) });
        await promise;
        return decisions.map((_, index) => batches.length * 100 + index);
      },
    },
    chain: {
      link: async (decisions) => {
        calls.push(`link ${decisions.length}`);
        return [...decisions];
      },
      restart: () => void calls.push('restart'),
    },
    clock,
    onCommit: (...commit) => void commits.push(commit),
  });
  return { write, countWaiting, commits, clock, batches, ends, calls };
}

test('the decisions of one moment are written by one transaction, those that arrive meanwhile by the next one', async () => {
  const { write, batches, ends } = createHarness();
  const first = ['a', 'b'].map((requestId) => write({ ...decision, requestId }));
  await setImmediate();
  await setImmediate();
  const second = ['c', 'd', 'e'].map((requestId) => write({ ...decision, requestId }));
  await setImmediate();
  expect(batches.map((batch) => batch.map(({ requestId }) => requestId).join(''))).toEqual(['ab']);
  ends[0]?.commit();
  expect((await Promise.all(first)).map(({ id }) => id)).toEqual([100, 101]);
  await setImmediate();
  ends[1]?.commit();
  expect((await Promise.all(second)).map(({ id }) => id)).toEqual([200, 201, 202]);
  expect(batches.map((batch) => batch.map(({ requestId }) => requestId).join(''))).toEqual(['ab', 'cde']);
});

test('a transaction that fails rejects its own decisions, and the next transaction begins another chain', async () => {
  const { write, ends, calls } = createHarness();
  const first = write(decision);
  await setImmediate();
  await setImmediate();
  const second = write(decision);
  ends[0]?.fail();
  await expect(first).rejects.toThrow('full');
  await setImmediate();
  ends[1]?.commit();
  await expect(second).resolves.toMatchObject({ id: 200 });
  expect(calls).toEqual(['link 1', 'restart', 'link 1']);
});

test('a transaction has at most 500 decisions', async () => {
  const { write, batches, ends } = createHarness();
  const written = Promise.all(Array.from({ length: 501 }, () => write(decision)));
  for (let count = 0; count < 2; count += 1) {
    while (ends[count] === undefined) await setImmediate();
    ends[count]?.commit();
  }
  await written;
  expect(batches.map(({ length }) => length)).toEqual([500, 1]);
});

test('the writer of decisions counts those that are not committed, and reports the time of each transaction', async () => {
  const { write, countWaiting, commits, clock, ends } = createHarness();
  const first = [write(decision), write(decision)];
  await setImmediate();
  await setImmediate();
  const second = write(decision);
  expect(countWaiting()).toBe(3);
  clock.advance(250);
  ends[0]?.commit();
  await Promise.all(first);
  await setImmediate();
  expect(countWaiting()).toBe(1);
  clock.advance(1_500);
  ends[1]?.fail();
  await expect(second).rejects.toThrow('full');
  expect(countWaiting()).toBe(0);
  expect(commits).toEqual([
    ['succeeded', 0.25],
    ['failed', 1.5],
  ]);
});
