import { expect, test } from 'vitest';
import { createRecorder } from './events.ts';

const key = { vendor: 'nymbl' };

test('each type of event except store_up has its own counter', () => {
  const { counters, record } = createRecorder(undefined);
  record({ type: 'hit', key });
  record({ type: 'wait', key });
  record({ type: 'issue', key, background: false });
  record({ type: 'refresh', key, background: false, lifetimeSeconds: 1, durationMs: 1, same: false });
  record({ type: 'adopt', key });
  record({ type: 'failure', key, background: false, code: 'internal', attempts: 1, cooldownMs: 1 });
  record({ type: 'cooldown', key, code: 'internal' });
  record({ type: 'lease_lost', key });
  record({ type: 'invalidate', key, current: true, dropped: true });
  record({ type: 'evict', key });
  record({ type: 'store_down', reason: 'timeout' });
  record({ type: 'store_up' });
  expect(counters).toEqual({
    hits: 1,
    waits: 1,
    issues: 1,
    refreshes: 1,
    adoptions: 1,
    failures: 1,
    cooldowns: 1,
    leaseLosses: 1,
    invalidations: 1,
    evictions: 1,
    storeFailures: 1,
  });
});

test('the cache counts an event even if the listener throws', () => {
  const seen: string[] = [];
  const { counters, record } = createRecorder(({ type }) => {
    seen.push(type);
    throw new Error('listener');
  });
  record({ type: 'hit', key });
  expect(seen).toEqual(['hit']);
  expect(counters.hits).toBe(1);
});
