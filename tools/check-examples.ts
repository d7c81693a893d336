// Installs each example that is a project, from its own lock file and with the packages of this repository. Then it checks
// the types and runs the tests: `pnpm examples`.
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './workspace.ts';

const folder = join(root, 'examples');
const examples = readdirSync(folder).filter((name) => existsSync(join(folder, name, 'package.json')));

for (const name of examples) {
  for (const command of [['install', '--frozen-lockfile', '--silent'], ['typecheck'], ['test']]) {
    execFileSync('npx', ['-y', 'pnpm@12.18.0', ...command], { cwd: join(folder, name), stdio: 'inherit' });
  }
}
process.stdout.write(`examples: ${examples.length} installed, checked and tested\n`);
