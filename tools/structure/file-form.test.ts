import { expect, test } from 'vitest';
import { createRepository } from '../testing/tree.ts';
import { checkFileForm } from './file-form.ts';

test('reports a file name that is not kebab-case and a file that cannot be parsed', () => {
  const repository = createRepository({
    'packages/acme/src/good-name.ts': 'export const a = 1;',
    'packages/acme/src/good-name.e2e.test.ts': '',
    'packages/acme/src/good-name.recipe.ts': '',
    'packages/acme/src/good-name.recipe-parts.ts': '',
    'packages/acme/src/badName.ts': '',
    'packages/acme/src/broken.ts': 'export const = 1;',
  });
  expect(checkFileForm(repository)).toEqual([
    { place: 'packages/acme/src/badName.ts', problem: 'has a name that is not kebab-case' },
    { place: 'packages/acme/src/broken.ts', problem: 'cannot be parsed' },
  ]);
});

test('reports a file of 251 lines of code, without counting blank lines, comments and tests', () => {
  const lines = (count: number) => 'f();\n'.repeat(count);
  const repository = createRepository({
    'packages/acme/src/full.ts': `${lines(250)}\n\n// a comment\n/* another\n * one */\n`,
    'packages/acme/src/long.ts': lines(251),
    'packages/acme/src/long.test.ts': lines(251),
    'packages/acme/src/testing/long.ts': lines(251),
  });
  expect(checkFileForm(repository)).toEqual([
    { place: 'packages/acme/src/long.ts', problem: 'has 251 lines of code; split it, the limit is 250' },
  ]);
});
