import { expect, test } from 'vitest';
import { createTokenCache } from './index.ts';
import { parseOptions } from './options.ts';

test('has the defaults that it promises', () => {
  expect(parseOptions({})).toMatchObject({
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
  expect(parseOptions({}).minRemainingSeconds).toBeUndefined();
});

test('the clock, the timers and the chance of this machine are the defaults', () => {
  const { clock, timers, random } = parseOptions({});
  expect(Math.abs(clock.nowMs() - Date.now())).toBeLessThan(1000);
  expect(Math.abs(clock.monotonicMs() - performance.now())).toBeLessThan(1000);
  expect(typeof timers.after(1000, () => undefined)).toBe('function');
  const numbers = Array.from({ length: 100 }, random);
  expect(new Set(numbers).size).toBeGreaterThan(90);
  expect(numbers.every((number) => number >= 0 && number < 1)).toBe(true);
});

test.each([
  ['an unknown option', { margin: 5 }, 'margin'],
  ['a fraction of an entry', { maxEntries: 1.5 }, 'maxEntries'],
  ['no entries', { maxEntries: 0 }, 'maxEntries'],
  ['a margin below zero', { refreshMarginSeconds: -1 }, 'refreshMarginSeconds'],
  ['a margin of more than a year', { refreshMarginSeconds: 31_536_001 }, 'refreshMarginSeconds'],
  ['a need below zero', { minRemainingSeconds: -1 }, 'minRemainingSeconds'],
  ['a default life of nothing', { defaultLifetimeSeconds: 0 }, 'defaultLifetimeSeconds'],
  ['an endless life', { maxLifetimeSeconds: Number.POSITIVE_INFINITY }, 'maxLifetimeSeconds'],
  ['a maximum life of nothing', { maxLifetimeSeconds: 0 }, 'maxLifetimeSeconds'],
  ['a deadline that is no number', { issueTimeoutMs: Number.NaN }, 'issueTimeoutMs'],
  ['a deadline in text', { issueTimeoutMs: '1000' }, 'issueTimeoutMs'],
  ['a deadline of more than an hour', { issueTimeoutMs: 3_600_001 }, 'issueTimeoutMs'],
  ['no cool-down', { cooldownSeconds: 0 }, 'cooldownSeconds'],
  ['no longest cool-down', { maxCooldownSeconds: 0 }, 'maxCooldownSeconds'],
  ['a lease of nothing', { leaseMs: 0 }, 'leaseMs'],
  ['no pause for the store', { storeRetryMs: 0 }, 'storeRetryMs'],
  ['a listener that cannot be called', { onEvent: 'log' }, 'must be a function'],
  ['chance that cannot be called', { random: 4 }, 'must be a function'],
  ['a clock that does not tell the time', { clock: {} }, 'must have the functions monotonicMs'],
  ['a clock that is nothing', { clock: null }, 'must have the functions monotonicMs'],
  ['a clock that is text', { clock: 'monotonicMs' }, 'must have the functions monotonicMs'],
  ['timers that do not call back', { timers: { after: 5 } }, 'must have the functions after'],
  [
    'a store that cannot do it all',
    { store: { read: () => 1 } },
    'read, write, remove, acquire, renew, release, coolDown, close',
  ],
])('refuses %s', (_, options, named) => {
  expect(() => createTokenCache(options as never)).toThrow(TypeError);
  expect(() => createTokenCache(options as never)).toThrow(named);
  expect(() => createTokenCache(options as never)).toThrow('The options of the token cache are wrong.');
});
