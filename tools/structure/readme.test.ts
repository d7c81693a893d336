import { expect, test } from 'vitest';
import { createRepository } from '../testing/tree.ts';
import { checkReadmes } from './readme.ts';

test('reports a missing README and a dependency that the README does not name', () => {
  const manifest = JSON.stringify({ name: '@valetkey/acme', dependencies: { zod: '*', undici: '*' } });
  const repository = createRepository({
    'packages/acme/package.json': manifest,
    'packages/acme/README.md': 'zod parses.',
    'packages/other/src/a.ts': '',
  });
  expect(checkReadmes(repository)).toEqual([
    { place: 'packages/acme/README.md', problem: 'does not name the dependency undici' },
    { place: 'packages/other', problem: 'has no README.md' },
  ]);
});
