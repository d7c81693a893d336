import { expect, test } from 'vitest';
import { createRepository } from '../testing/tree.ts';
import { checkFunctionLength } from './function-length.ts';

const body = (lines: number) => `{\n${'  f();\n'.repeat(lines - 2)}}`;

test('reports every form of function that has 61 lines of code, by its name', () => {
  const repository = createRepository({
    'packages/acme/src/long.ts': [
      `export function declared() ${body(61)}`,
      `export const arrow = () => ${body(61)};`,
      `export const api = {\n method() ${body(61)},\n property: function () ${body(61)},\n};`,
      `export class Store {\n read() ${body(61)}\n}`,
      `call(() => ${body(61)});`,
    ].join('\n'),
  });
  expect(checkFunctionLength(repository).map(({ problem }) => problem)).toEqual(
    ['declared', 'arrow', 'method', 'property', 'read', 'an unnamed function'].map(
      (name) => `${name} has 61 lines of code; split it, the limit is 60`,
    ),
  );
});

test('accepts a function of 60 lines of code besides comments and blank lines, and a longer function in a test', () => {
  const repository = createRepository({
    'packages/acme/src/full.ts': `export function full() ${body(60).replace('{\n', '{\n\n  // why\n  /* a\n     b */\n')}`,
    'packages/acme/src/long.test.ts': `test('long', () => ${body(61)});`,
  });
  expect(checkFunctionLength(repository)).toEqual([]);
});
