import { expect, test } from 'vitest';
import { lifetimeSeconds, minRemainingLifeMs, refreshMarginMs } from './lifetime.ts';

const rules = { defaultLifetimeSeconds: 60, maxLifetimeSeconds: 86_400 };

test.each([
  ['a number', 300, 300],
  ['a fraction', 0.5, 0.5],
  ['a number as text', '300', 300],
  ['a number as text between spaces', ' 300 ', 300],
  ['undefined', undefined, 60],
  ['null', null, 60],
  ['empty text', '', 60],
  ['blank text', '  ', 60],
  ['text that is not a number', 'one hour', 60],
  ['a number with a unit', '300s', 60],
  ['NaN', Number.NaN, 60],
  ['an object', {}, 60],
  ['a list', [300], 60],
  ['true', true, 60],
  ['zero', 0, 0],
  ['zero as text', '0', 0],
  ['a negative number', -5, 0],
  ['negative infinity', Number.NEGATIVE_INFINITY, 0],
  ['probably milliseconds', 3_600_000, 86_400],
  ['infinity', Number.POSITIVE_INFINITY, 86_400],
  ['a number beyond infinity, as text', '1e400', 86_400],
])('an expires_in that is %s means a life of %i seconds', (_, expiresIn, seconds) => {
  expect(lifetimeSeconds(expiresIn, rules)).toBe(seconds);
});

test('lifetimeSeconds returns the maximum life if the default life is longer', () => {
  expect(lifetimeSeconds(undefined, { defaultLifetimeSeconds: 60, maxLifetimeSeconds: 10 })).toBe(10);
});

test.each([
  [300_000, 60, 0.5, 60_000],
  [300_000, 60, 0, 54_000],
  [300_000, 60, 1, 66_000],
  [100_000, 60, 0.5, 50_000],
  [1000, 60, 0.5, 500],
  [300_000, 0, 1, 0],
])(
  'a token with a life of %i ms, a margin of %i s and the random number %d is renewed %i ms before it expires',
  (life, margin, random, expected) => {
    expect(refreshMarginMs(life, margin, () => random)).toBeCloseTo(expected);
  },
);

test('minRemainingLifeMs is 10 s, a tenth of a short life, or the seconds that the caller asked for', () => {
  expect(minRemainingLifeMs(undefined, 300_000)).toBe(10_000);
  expect(minRemainingLifeMs(undefined, 5000)).toBe(500);
  expect(minRemainingLifeMs(0, 300_000)).toBe(0);
  expect(minRemainingLifeMs(45, 300_000)).toBe(45_000);
});
