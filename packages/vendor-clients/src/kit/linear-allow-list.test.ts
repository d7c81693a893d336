import type { AllowedCall, Principal } from '@valetkey/core-types';
import { afterEach, expect, test, vi } from 'vitest';
import { isCallAllowed } from './allowed-calls.ts';
import { findCallRefusal } from './bound-calls.ts';

const alice: Principal = {
  issuer: 'https://id.example.com',
  subject: 'alice',
  scopes: [],
  claims: { id: 'a'.repeat(64) },
};

/** Patterns that a matcher which goes back could divide in many ways, each with the part of a path that it almost matches. */
const hostile: readonly (readonly [pattern: string, repeated: string])[] = [
  ['/A({a},{b},{c},{d},{e},{f},{g},{h})', '1,'],
  ['/A({a}{b}{c}{d}{e}{f}{g}{h}y)', 'x'],
  ['/{a}a{b}a{c}a{d}a{e}b', 'a'],
  ['/{a}.{b}.{c}.{d}y', '.x'],
  ["/A('{a}''{b}''{c}'y)", "''"],
  ["/A('{claim:id}')", 'a'],
  ['/x{claim:id}x', 'x'],
  ['/*', 'a'],
  ['/{a}-{b}', 'a;'],
  ['/{a}', '%20'],
];

const real = {
  indexOf: String.prototype.indexOf,
  startsWith: String.prototype.startsWith,
  endsWith: String.prototype.endsWith,
  slice: String.prototype.slice,
};
afterEach(() => void vi.restoreAllMocks());

/** Counts the characters that the functions of texts could read while `work` runs. */
function countReads(work: () => void): number {
  let reads = 0;
  vi.spyOn(String.prototype, 'indexOf').mockImplementation(function indexOf(this: string, part, from = 0) {
    const found = real.indexOf.call(this, part, from);
    reads += (found < 0 ? this.length : found + part.length) - Math.min(from, this.length);
    return found;
  });
  vi.spyOn(String.prototype, 'startsWith').mockImplementation(function startsWith(this: string, part, from) {
    reads += part.length;
    return real.startsWith.call(this, part, from);
  });
  vi.spyOn(String.prototype, 'endsWith').mockImplementation(function endsWith(this: string, part, end) {
    reads += part.length;
    return real.endsWith.call(this, part, end);
  });
  // What is cut out of a segment is read by a regular expression without repetitions inside one another.
  vi.spyOn(String.prototype, 'slice').mockImplementation(function slice(this: string, start, end) {
    const cut = real.slice.call(this, start, end);
    reads += cut.length;
    return cut;
  });
  try {
    work();
  } finally {
    vi.restoreAllMocks();
  }
  return reads;
}

const decide = (allow: readonly AllowedCall[], path: string) => () => {
  isCallAllowed(allow, 'GET', path);
  findCallRefusal(allow, { method: 'GET', path, query: '' }, alice);
};

test.each(hostile)('the pattern %s reads a path in steps that grow in proportion to it', (pattern, repeated) => {
  const allow = [{ method: 'GET', path: pattern }];
  const start = /^[^{*]*/.exec(pattern)?.[0] ?? '/';
  const pathOf = (length: number) => start + repeated.repeat(Math.floor((length - start.length) / repeated.length));
  const [short, long] = [pathOf(250), pathOf(2_000)];
  const reads = [short, long].map((path) => countReads(decide(allow, path)));
  expect(Math.min(...reads), 'the reads are counted').toBeGreaterThan(100);
  const perCharacter = reads.map((count, index) => count / ([short, long][index]?.length ?? 1));
  expect(perCharacter[1]).toBeLessThanOrEqual(2 * (perCharacter[0] ?? 0) + 1);
  expect(perCharacter[1], 'each character is read a few times').toBeLessThan(20);
});

test.each(hostile)('a path of 10 kB is refused before the pattern %s is compared with it', (pattern, repeated) => {
  const path = `/${repeated.repeat(Math.ceil(10_240 / repeated.length))}`;
  const allow = [{ method: 'GET', path: pattern }];
  const isRefused: boolean[] = [];
  const reads = countReads(() => {
    isRefused.push(!isCallAllowed(allow, 'GET', path));
    isRefused.push(findCallRefusal(allow, { method: 'GET', path, query: '' }, alice)?.cause === 'not_listed');
  });
  expect(isRefused).toEqual([true, true]);
  expect(reads).toBeLessThan(10);
});

test('a list of many hostile patterns reads a path once for each of them', () => {
  const path = `/A(${'1,'.repeat(990)}`;
  const countWith = (count: number) => {
    const allow = Array.from({ length: count }, () => ({ method: 'GET', path: '/A({a},{b},{c},{d})' }));
    return countReads(decide(allow, path));
  };
  const [few, many] = [countWith(10), countWith(100)];
  expect(many).toBeLessThanOrEqual(10 * few);
});
