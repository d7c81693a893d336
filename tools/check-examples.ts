// Installs each example that is a project, from its own lock file and with the packages of this repository. Then it checks
// the types, runs the example's tests, and bundles its app or uses it in a browser, as it uses the lines of the READMEs and of
// docs/clients: `pnpm examples`.
import { execFileSync } from 'node:child_process';
import { existsSync, globSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { hasChromium } from './testing/client-page.ts';
import { root } from './workspace.ts';

const folder = join(root, 'examples');
const examples = readdirSync(folder).filter((name) => existsSync(join(folder, name, 'package.json')));

for (const name of examples) {
  for (const command of [
    ['install', '--frozen-lockfile', '--silent'],
    ['run', '--if-present', 'typecheck'],
    ['run', '--if-present', 'test'],
  ]) {
    execFileSync('npx', ['-y', 'pnpm@12.18.0', ...command], { cwd: join(folder, name), stdio: 'inherit' });
  }
}

// Bundling needs no browser. One after another: Metro alone uses all cores.
const tests = globSync(`tools/examples/${hasChromium() ? '{bundle,drive}' : 'bundle'}-*.ts`, { cwd: root });
execFileSync(process.execPath, ['--test', '--test-concurrency=1', ...tests], { cwd: root, stdio: 'inherit' });
process.stdout.write(`examples: ${examples.length} installed, checked and tested\n`);
