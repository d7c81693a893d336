import { systemClock } from '@valetkey/core-types';
import { afterEach, expect, test, vi } from 'vitest';
import { createLogger } from '../telemetry/logger.ts';
import { startRetention } from './retention.ts';
import { createSqliteStore } from '../storage/sqlite-store.ts';
import type { Decision } from '../storage/store.ts';

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

afterEach(() => {
  vi.useRealTimers();
});

test('decisions are kept for so many days, at the start and from hour to hour', async () => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
  const store = createSqliteStore(':memory:');
  for (const daysAgo of [91, 90.1, 89.99, 1]) await store.recordDecision(decisionOf(daysAgo));
  const kept = async () => (await store.listDecisions(10)).map(({ requestId }) => requestId);
  let nowMs = now;
  const clock = { ...systemClock, nowMs: () => nowMs };
  const end = startRetention(90, { store, clock, logger: createLogger('silent') });
  await expect.poll(kept).toEqual(['1 days ago', '89.99 days ago']);
  nowMs += 3_600_000;
  vi.advanceTimersByTime(3_600_000);
  await expect.poll(kept).toEqual(['1 days ago']);
  end();
  expect(vi.getTimerCount()).toBe(0);
  await store.close();
});
