import { expect, test } from 'vitest';
import { createRepository } from '../testing/tree.ts';
import { checkReadmes } from './readme.ts';

const check = (dependencies: readonly string[], readme: string) =>
  checkReadmes(
    createRepository({
      'packages/acme/package.json': JSON.stringify({
        name: '@valetkey/acme',
        dependencies: Object.fromEntries(dependencies.map((name) => [name, '*'])),
      }),
      'packages/acme/README.md': readme,
    }),
  ).map(({ place, problem }) => `${place}: ${problem}`);

test('reports a package without a README', () => {
  const repository = createRepository({ 'packages/other/src/a.ts': '' });
  expect(checkReadmes(repository)).toEqual([{ place: 'packages/other', problem: 'has no README.md' }]);
});

test('reports a README that does not name the version of Node that its package.json requires', () => {
  const manifest = JSON.stringify({ name: '@valetkey/acme', engines: { node: '>=22.19' } });
  const problemsOf = (readme: string) =>
    checkReadmes(createRepository({ 'packages/acme/package.json': manifest, 'packages/acme/README.md': readme }));
  expect(problemsOf('It needs Node 22.19 or later.')).toEqual([]);
  expect(problemsOf('It needs Node 20 or later.')).toMatchObject([
    { problem: 'does not say "needs Node 22.19 or later"' },
  ]);
});

test('accepts a README whose section "Dependencies" gives the reason of each dependency, as a list or a table', () => {
  expect(check(['zod', 'undici'], '## Dependencies\n\n- `zod`: parses.\n- `undici`: sends.\n')).toEqual([]);
  expect(check(['zod'], '## Dependencies\n\n| name | reason |\n| ---- | ------ |\n| `zod` | parses |\n')).toEqual([]);
  expect(check([], 'None.')).toEqual([]);
});

test.each([
  ['names outside the section', '`zod` parses.\n\n## Dependencies\n\nNone.\n'],
  ['names without a reason', '## Dependencies\n\n| `zod` | |\n'],
])('reports a dependency that the README only %s', (_case, readme) => {
  expect(check(['zod'], readme)).toEqual([
    'packages/acme/README.md: gives no reason for the dependency zod under "Dependencies"',
  ]);
});

test('reports a name that the section explains although it is no dependency', () => {
  expect(check([], '## Dependencies\n\n- `zod`: parses.\n')).toEqual([
    'packages/acme/README.md: explains zod, no dependency',
  ]);
});
