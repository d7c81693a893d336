import { expect, test } from 'vitest';
import { createCountingIssue } from '../testing/server-token.ts';
import { seededRandom } from '../testing/simulation/world.ts';
import { createVirtualTime } from '../testing/virtual-time.ts';
import type { TokenCacheEvent } from './events.ts';
import { createTokenCache } from './token-cache.ts';

test('the cache renews 10,000 tokens that were issued together at different times, while no caller waits', async () => {
  const time = createVirtualTime();
  const cache = createTokenCache({ clock: time, timers: time, random: seededRandom(1) });
  const issue = createCountingIssue();
  const keys = Array.from({ length: 10_000 }, (_, index) => Object.freeze({ vendor: 'nymbl', scope: `${index}` }));
  const getAll = () => Promise.all(keys.map((key) => cache.get(key, issue)));
  await getAll();
  await time.advance(233_000);
  const renewed: number[] = [];
  for (let second = 233; second < 248; second += 1) {
    const before = issue.calls;
    await getAll();
    await time.advance(1000);
    renewed.push(issue.calls - before);
  }
  expect(renewed.reduce((sum, count) => sum + count, 0)).toBe(10_000);
  expect(Math.max(...renewed)).toBeLessThan(1100);
  expect(cache.stats().waits).toBe(10_000);
});

test('a cache evicts keys so that it never holds more than maxEntries', async () => {
  const time = createVirtualTime();
  const events: TokenCacheEvent[] = [];
  const onEvent = (event: TokenCacheEvent): void => void events.push(event);
  const cache = createTokenCache({ clock: time, timers: time, maxEntries: 100, onEvent });
  const issue = createCountingIssue();
  for (let index = 0; index < 5000; index += 1) await cache.get({ vendor: 'nymbl', scope: `${index}` }, issue);
  expect(cache.stats()).toMatchObject({ entries: 100, evictions: 4900 });
  expect(events.findLast(({ type }) => type === 'evict')).toMatchObject({ key: { vendor: 'nymbl', scope: '4899' } });
});
