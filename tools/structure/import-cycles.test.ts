import { expect, test } from 'vitest';
import { createRepository } from '../testing/tree.ts';
import { checkImportCycles } from './import-cycles.ts';

test.each([
  ['an import', "import { c } from '../c.ts';"],
  ['a side effect', "import '../c.ts';"],
  ['a type import', "import type { C } from '../c.ts';"],
  ['an import of types by name', "import { type C } from '../c.ts';"],
  ['a re-export', "export { c } from '../c.ts';"],
  ['a re-export of everything', "export * from '../c.ts';"],
  ['a type re-export', "export type { C } from '../c.ts';"],
  ['a dynamic import', "export const load = () => import('../c.ts');"],
  ['a dynamic import of a template', 'export const load = () => import(`../c.ts`);'],
  ['a type that is imported in place', "export type B = import('../c.ts').C;"],
])('reports every file of an import cycle that %s closes', (_name, text) => {
  const repository = createRepository({
    'packages/acme/src/a.ts': "import { b } from './room/b.ts';",
    'packages/acme/src/room/b.ts': text,
    'packages/acme/src/c.ts': "import { a } from './a.ts';",
  });
  expect(checkImportCycles(repository)).toMatchObject([
    { place: 'packages/acme/src/a.ts', problem: 'is in an import cycle: a.ts > room/b.ts > c.ts > a.ts' },
  ]);
});

test('reports two import cycles of one package, and a file that imports itself', () => {
  const repository = createRepository({
    'packages/acme/src/a.ts': "import './b.ts';",
    'packages/acme/src/b.ts': "import './a.ts'; import './c.ts';",
    'packages/acme/src/c.ts': "import './d.ts';",
    'packages/acme/src/d.ts': "import './c.ts';",
    'packages/acme/src/e.ts': "import './e.ts';",
  });
  expect(checkImportCycles(repository).map(({ problem }) => problem)).toEqual([
    'is in an import cycle: a.ts > b.ts > a.ts',
    'is in an import cycle: c.ts > d.ts > c.ts',
    'is in an import cycle: e.ts > e.ts',
  ]);
});

test('reports no import cycle if two paths lead to one file, or if a test or a computed import closes the cycle', () => {
  const repository = createRepository({
    'packages/acme/src/a.ts': "import './b.ts'; import './c.ts'; export const load = (name: string) => import(name);",
    'packages/acme/src/b.ts': "import './c.ts';",
    'packages/acme/src/c.ts': '',
    'packages/acme/src/c.test.ts': "import './a.ts'; import './testing/harness.ts';",
    'packages/acme/src/testing/harness.ts': "import '../c.test.ts';",
  });
  expect(checkImportCycles(repository)).toEqual([]);
});
