import { expect, test } from 'vitest';
import { lifetimeSeconds, needOrDefault, refreshMarginMs } from './lifetime.ts';

const rules = { defaultLifetimeSeconds: 60, maxLifetimeSeconds: 86_400 };

test.each([
  ['a number', 300, 300],
  ['a fraction', 0.5, 0.5],
  ['a number in text', '300', 300],
  ['a number in text with space around', ' 300 ', 300],
  ['nothing', undefined, 60],
  ['null', null, 60],
  ['empty text', '', 60],
  ['blank text', '  ', 60],
  ['text that is no number', 'one hour', 60],
  ['a number with a unit', '300s', 60],
  ['not a number', Number.NaN, 60],
  ['an object', {}, 60],
  ['a list', [300], 60],
  ['true', true, 60],
  ['zero', 0, 0],
  ['zero in text', '0', 0],
  ['less than zero', -5, 0],
  ['less than anything', Number.NEGATIVE_INFINITY, 0],
  ['milliseconds, probably', 3_600_000, 86_400],
  ['beyond all numbers', Number.POSITIVE_INFINITY, 86_400],
  ['beyond all numbers, in text', '1e400', 86_400],
])('%s (%o) is a life of so many seconds', (_, said, seconds) => {
  expect(lifetimeSeconds(said, rules)).toBe(seconds);
});

test('the default is cut to the maximum, too', () => {
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
  'a life of %i ms and a margin of %i s, by chance %f: refreshed %i ms before the end',
  (life, margin, chance, expected) => {
    expect(refreshMarginMs(life, margin, () => chance)).toBeCloseTo(expected);
  },
);

test('callers get 10 s, or a tenth of a short life, or what was asked for', () => {
  expect(needOrDefault(undefined, 300_000)).toBe(10_000);
  expect(needOrDefault(undefined, 5000)).toBe(500);
  expect(needOrDefault(0, 300_000)).toBe(0);
  expect(needOrDefault(45, 300_000)).toBe(45_000);
});
