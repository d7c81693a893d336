import { systemClock } from '@valetkey/core-types';
import { afterEach, expect, test, vi } from 'vitest';
import { createSqliteStore } from '../storage/sqlite-store.ts';
import type { Decision } from '../storage/audit-store.ts';
import type { Store } from '../storage/store.ts';
import { createLogger } from '../telemetry/logger.ts';
import { startRetention } from './retention.ts';

const now = Date.UTC(2026, 5, 1);
const day = 86_400_000;
const decisionOf = (daysAgo: number): Decision => ({
  at: new Date(now - daysAgo * day).toISOString(),
  requestId: `${daysAgo} days ago`,
  operation: 'issue',
  connection: 'nudge',
  issuer: 'https://id.example.com',
  subject: 'alice',
  outcome: 'allowed',
});

/** Wraps a store. `endOfSweep` resolves once the store has no more old decisions to delete. */
function watchDeletions(store: Store) {
  let sweep = Promise.withResolvers<void>();
  const deleteDecisions: Store['deleteDecisions'] = async (part) => {
    const result = await store.deleteDecisions(part);
    if (result.next === undefined) sweep.resolve();
    return result;
  };
  return {
    store: { ...store, deleteDecisions },
    endOfSweep: async () => {
      await sweep.promise;
      sweep = Promise.withResolvers<void>();
    },
  };
}

afterEach(() => {
  vi.useRealTimers();
});

test('retention deletes decisions older than `keepDays` at the start and an hour later, and stops its timer at the end', async () => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
  const { store, endOfSweep } = watchDeletions(createSqliteStore(':memory:'));
  for (const daysAgo of [91, 90.1, 89.99, 1]) await store.recordDecisions([decisionOf(daysAgo)]);
  const kept = async () => (await store.listDecisions({ limit: 10 })).decisions.map(({ requestId }) => requestId);
  let nowMs = now;
  const clock = { ...systemClock, nowMs: () => nowMs };
  const end = startRetention(90, { store, clock, logger: createLogger('silent') });
  await endOfSweep();
  expect(await kept()).toEqual(['1 days ago', '89.99 days ago']);
  nowMs += 3_600_000;
  vi.advanceTimersByTime(3_600_000);
  await endOfSweep();
  expect(await kept()).toEqual(['1 days ago']);
  end();
  expect(vi.getTimerCount()).toBe(0);
  await store.close();
});

test('retention logs that decisions could not be deleted, without the text of the error, and deletes them an hour later', async () => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
  const { store, endOfSweep } = watchDeletions(createSqliteStore(':memory:'));
  await store.recordDecisions([decisionOf(91)]);
  let log = '';
  const logged = Promise.withResolvers<void>();
  const write = (line: string) => {
    log += line;
    logged.resolve();
  };
  let failures = 1;
  const deleteDecisions: Store['deleteDecisions'] = (part) =>
    failures-- > 0 ? Promise.reject(new Error('canary-of-the-database')) : store.deleteDecisions(part);
  const clock = { ...systemClock, nowMs: () => now };
  const end = startRetention(90, {
    store: { ...store, deleteDecisions },
    clock,
    logger: createLogger('info', { write }),
  });
  await logged.promise;
  expect(log).toContain('old decisions could not be deleted');
  expect(log).not.toContain('canary');
  expect((await store.listDecisions({ limit: 10 })).decisions).toHaveLength(1);
  vi.advanceTimersByTime(3_600_000);
  await endOfSweep();
  expect((await store.listDecisions({ limit: 10 })).decisions).toEqual([]);
  end();
  await store.close();
});
