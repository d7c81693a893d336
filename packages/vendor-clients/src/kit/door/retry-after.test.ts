import { expect, test } from 'vitest';
import { parseRetryAfter } from './retry-after.ts';

const nowMs = Date.UTC(2026, 10, 20, 12, 0, 0);

test.each([
  ['30', 30],
  [' 30 ', 30],
  ['1.2', 2],
  ['0', 1],
  ['120', 120],
  ['86400', 120],
  ['999999999999999999999999', 120],
  ['Fri, 20 Nov 2026 12:00:45 GMT', 45],
  ['Friday, 20-Nov-26 12:00:45 GMT', 45],
  ['Fri Nov 20 12:00:45 2026', 45],
  ['Fri, 20 Nov 2026 11:59:00 GMT', 1],
  ['Fri, 20 Nov 2099 12:00:00 GMT', 120],
  [['7', '9'], 7],
])('Retry-After %j is parsed as %i seconds', (header, seconds) => {
  expect(parseRetryAfter(header, nowMs)).toBe(seconds);
});

test.each([undefined, '', 'soon', '-5', '1e3', '0x10', 'NaN', 'Infinity', 'Fri', '2026-11-20T12:00:45Z', '30, 40'])(
  'Retry-After %j is ignored',
  (header) => {
    expect(parseRetryAfter(header, nowMs)).toBeUndefined();
  },
);
