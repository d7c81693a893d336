import { expect, test } from 'vitest';
import { createTokenCache, type TokenCacheEvent } from './index.ts';
import { seededRandom } from './testing/simulation/world.ts';
import { countingIssue } from './testing/server-token.ts';
import { createVirtualTime } from './testing/virtual-time.ts';

test('10,000 tokens that were issued together are not refreshed together, and nobody waits', async () => {
  const time = createVirtualTime();
  const cache = createTokenCache({ clock: time, timers: time, random: seededRandom(1) });
  const issue = countingIssue();
  const keys = Array.from({ length: 10_000 }, (_, index) => Object.freeze({ vendor: 'nymbl', scope: `${index}` }));
  const getAll = () => Promise.all(keys.map((key) => cache.get(key, issue)));
  await getAll();
  await time.advance(233_000);
  const refreshed: number[] = [];
  for (let second = 233; second < 248; second += 1) {
    const before = issue.calls;
    await getAll();
    await time.advance(1000);
    refreshed.push(issue.calls - before);
  }
  expect(refreshed.reduce((sum, count) => sum + count, 0)).toBe(10_000);
  expect(Math.max(...refreshed)).toBeLessThan(1100);
  expect(cache.stats().waits).toBe(10_000);
});

test('holds no more keys than allowed, whatever is asked for', async () => {
  const time = createVirtualTime();
  const events: TokenCacheEvent[] = [];
  const onEvent = (event: TokenCacheEvent): void => void events.push(event);
  const cache = createTokenCache({ clock: time, timers: time, maxEntries: 100, onEvent });
  const issue = countingIssue();
  for (let index = 0; index < 5000; index += 1) await cache.get({ vendor: 'nymbl', scope: `${index}` }, issue);
  expect(cache.stats()).toMatchObject({ entries: 100, evictions: 4900 });
  expect(events.findLast(({ type }) => type === 'evict')).toMatchObject({ key: { vendor: 'nymbl', scope: '4899' } });
});
