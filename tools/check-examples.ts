// Installs each example from its own lock file, with the packages of this repository, then checks its types and runs its
// tests: `pnpm examples`.
import { execFileSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './workspace.ts';

const folder = join(root, 'examples');
const examples = readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isDirectory());

for (const { name } of examples) {
  for (const command of [['install', '--frozen-lockfile', '--silent'], ['typecheck'], ['test']]) {
    execFileSync('npx', ['-y', 'pnpm@12.18.0', ...command], { cwd: join(folder, name), stdio: 'inherit' });
  }
}
process.stdout.write(`examples: ${examples.length} installed, checked and tested\n`);
