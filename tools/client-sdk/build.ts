// Builds the client SDK: `node ../../tools/client-sdk/build.ts` in its folder.
// - `dist` has one ES module for each entry, and chunks that entries share. `dist/cjs` is its twin for CommonJS, file by file, so
//   that the entries share their code there as well. It has a package.json of its own, because Metro finds only files that
//   end in `.js`, which Node and TypeScript would take for ES modules. It also has the code of `oauth4webapi`, of which Jest 29 and
//   older versions of Node cannot load the only form: an ES module.
// - The package publishes its own copy of the declarations of the wire types, because it imports no package of ours.
// - The files at the root are for Metro 0.81 and for TypeScript's `node10`, which do not read `exports`.
import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, relative } from 'node:path';
import { buildSync, transformSync } from 'esbuild';
import { root } from '../workspace.ts';
import { clientEntries, listRootFiles } from './entries.ts';

const folder = join(root, 'apps/client-sdk');
const dist = join(folder, 'dist');
const commonjs = join(dist, 'cjs');
const target = 'es2022';
const libraryFile = 'oauth4webapi.js';

rmSync(dist, { recursive: true, force: true });
buildSync({
  absWorkingDir: folder,
  entryPoints: clientEntries.map((name) => `src/${name}.ts`),
  outdir: dist,
  outbase: 'src',
  chunkNames: 'chunks/[name]-[hash]',
  bundle: true,
  splitting: true,
  packages: 'external',
  format: 'esm',
  platform: 'neutral',
  target,
  logLevel: 'warning',
});
const typescript = createRequire(join(root, 'package.json')).resolve('typescript/package.json');
execFileSync(process.execPath, [join(dirname(typescript), 'bin/tsc'), '-p', 'tsconfig.build.json'], {
  cwd: folder,
  stdio: 'inherit',
});
copyFileSync(join(root, 'packages/core-types/dist/wire.d.ts'), join(dist, 'client/wire.d.ts'));

for (const path of readdirSync(dist, { recursive: true, encoding: 'utf8' })) {
  const copy = join(commonjs, path);
  const isCode = path.endsWith('.js');
  if (!isCode && !path.endsWith('.d.ts')) continue;
  const text = readFileSync(join(dist, path), 'utf8');
  mkdirSync(dirname(copy), { recursive: true });
  writeFileSync(copy, isCode ? convertToCommonjs(text, relative(dirname(path), libraryFile)) : text);
}
const library = dirname(createRequire(join(folder, 'package.json')).resolve('oauth4webapi/package.json'));
buildSync({
  absWorkingDir: folder,
  entryPoints: ['oauth4webapi'],
  outfile: join(commonjs, libraryFile),
  banner: { js: `/*!\n${readFileSync(join(library, 'LICENSE.md'), 'utf8').trim()}\n*/` },
  bundle: true,
  format: 'cjs',
  platform: 'neutral',
  target,
  logLevel: 'warning',
});
writeFileSync(join(commonjs, 'package.json'), '{ "type": "commonjs" }\n');
for (const { file, content } of listRootFiles()) writeFileSync(join(folder, file), content);

/** Returns an ES module of `dist` as CommonJS. `libraryPath` is the path from its folder to the code of `oauth4webapi`. */
function convertToCommonjs(text: string, libraryPath: string): string {
  // `platform: 'node'` lists the exports where Node finds the names that an ES module may import.
  const { code } = transformSync(text, { format: 'cjs', platform: 'node', target });
  return code.replaceAll('require("oauth4webapi")', () => `require("./${libraryPath}")`);
}
