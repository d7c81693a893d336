// Completes the build of the client SDK:
// - The package publishes its own copy of the declarations of the wire types, because it has no dependencies.
// - `dist/cjs` is a second copy of the package for CommonJS. It has a package.json of its own, because Metro finds only files
//   that end in `.js`, which Node and TypeScript would take for ES modules.
import { copyFileSync, mkdirSync, readdirSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { root } from './workspace.ts';

const dist = join(root, 'apps/client-sdk/dist');
const commonjs = join(dist, 'cjs');

copyFileSync(join(root, 'packages/core-types/dist/wire.d.ts'), join(dist, 'wire.d.ts'));
renameSync(join(commonjs, 'index.cjs'), join(commonjs, 'index.js'));
writeFileSync(join(commonjs, 'package.json'), '{ "type": "commonjs" }\n');
for (const path of readdirSync(dist, { recursive: true, encoding: 'utf8' })) {
  if (!path.endsWith('.d.ts') || path.startsWith('cjs')) continue;
  const copy = join(commonjs, path);
  mkdirSync(dirname(copy), { recursive: true });
  copyFileSync(join(dist, path), copy);
}
