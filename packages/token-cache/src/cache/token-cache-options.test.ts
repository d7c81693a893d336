import { readFileSync } from 'node:fs';
import { expect, onTestFinished, test, vi } from 'vitest';
import { createTokenCache } from './token-cache.ts';
import { parseTokenCacheOptions, tokenCacheOptionsSchema } from './token-cache-options.ts';

test('the options have the documented defaults', () => {
  expect(parseTokenCacheOptions({})).toMatchObject({
    maxEntries: 10_000,
    refreshMarginSeconds: 60,
    defaultLifetimeSeconds: 60,
    maxLifetimeSeconds: 86_400,
    issueTimeoutMs: 10_000,
    cooldownSeconds: 1,
    maxCooldownSeconds: 30,
    leaseMs: 3000,
    storeRetryMs: 1000,
  });
  expect(parseTokenCacheOptions({}).minRemainingSeconds).toBeUndefined();
});

test('the default clock, timers and random function are those of the process', () => {
  vi.useFakeTimers({ now: 1_700_000_000_000 });
  onTestFinished(() => void vi.useRealTimers());
  const { clock, timers, random } = parseTokenCacheOptions({});
  const startMs = performance.now();
  let called = 0;
  timers.after(1000, () => (called += 1));
  vi.advanceTimersByTime(1000);
  expect(called).toBe(1);
  expect(clock.nowMs()).toBe(1_700_000_001_000);
  expect(clock.monotonicMs()).toBe(startMs + 1000);
  const numbers = Array.from({ length: 100 }, random);
  expect(new Set(numbers).size).toBeGreaterThan(90);
  expect(numbers.every((number) => number >= 0 && number < 1)).toBe(true);
});

test.each([
  ['an unknown option', { margin: 5 }, 'margin: is not a known field'],
  ['a maxEntries with a fraction', { maxEntries: 1.5 }, 'maxEntries'],
  ['a maxEntries of zero', { maxEntries: 0 }, 'maxEntries'],
  ['a negative refresh margin', { refreshMarginSeconds: -1 }, 'refreshMarginSeconds'],
  ['a refresh margin of more than a year', { refreshMarginSeconds: 31_536_001 }, 'refreshMarginSeconds'],
  ['a negative minimum life', { minRemainingSeconds: -1 }, 'minRemainingSeconds'],
  ['a default life of zero', { defaultLifetimeSeconds: 0 }, 'defaultLifetimeSeconds'],
  ['an infinite maximum life', { maxLifetimeSeconds: Number.POSITIVE_INFINITY }, 'maxLifetimeSeconds'],
  ['a maximum life of zero', { maxLifetimeSeconds: 0 }, 'maxLifetimeSeconds'],
  ['an issueTimeoutMs of NaN', { issueTimeoutMs: Number.NaN }, 'issueTimeoutMs'],
  ['an issueTimeoutMs that is text', { issueTimeoutMs: '1000' }, 'issueTimeoutMs'],
  ['an issueTimeoutMs of more than an hour', { issueTimeoutMs: 3_600_001 }, 'issueTimeoutMs'],
  ['a cool-down of zero', { cooldownSeconds: 0 }, 'cooldownSeconds'],
  ['a maximum cool-down of zero', { maxCooldownSeconds: 0 }, 'maxCooldownSeconds'],
  ['a lease of zero', { leaseMs: 0 }, 'leaseMs'],
  ['a storeRetryMs of zero', { storeRetryMs: 0 }, 'storeRetryMs'],
  ['an onEvent that is text', { onEvent: 'log' }, 'onEvent: must be a function'],
  ['a random that is a number', { random: 4 }, 'random: must be a function'],
  ['a clock without monotonicMs', { clock: {} }, 'clock: must have the functions monotonicMs'],
  ['a clock that is null', { clock: null }, 'clock: must have the functions monotonicMs'],
  ['a clock that is text', { clock: 'monotonicMs' }, 'clock: must have the functions monotonicMs'],
  ['timers without after', { timers: { after: 5 } }, 'timers: must have the functions after'],
  [
    'a store without most of its functions',
    { store: { read: () => 1 } },
    'store: must have the functions read, write, remove, acquire, extend, release, coolDown, close',
  ],
])('createTokenCache refuses %s', (_, options, named) => {
  expect(() => createTokenCache(options as never)).toThrow(TypeError);
  expect(() => createTokenCache(options as never)).toThrow(named);
  expect(() => createTokenCache(options as never)).toThrow('The options of the token cache are invalid: ');
});

test('every option has a description that is a sentence, and one row in the README', () => {
  const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8');
  const rows = readme.split('\n').filter((line) => line.startsWith('| `'));
  for (const [name, { description }] of Object.entries(tokenCacheOptionsSchema.shape)) {
    expect(description, name).toMatch(/^[A-Z].*\.$/s);
    expect(rows.filter((row) => row.split('|')[1]?.includes(`\`${name}\``)).length, name).toBe(1);
  }
});
