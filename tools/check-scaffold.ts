// Creates a vendor in a copy of the repository, and runs there the checks that every change must pass:
// `pnpm check:scaffold`. With `--quick`, it leaves out `check:packages`.
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { removeTemporaryFolder, root } from './workspace.ts';

const isQuick = process.argv.includes('--quick');
const folder = mkdtempSync(join(tmpdir(), 'valetkey-scaffold-'));

function run(command: string, ...args: string[]): void {
  execFileSync(command, args, { cwd: folder, stdio: 'inherit' });
}

const pnpm = (...args: string[]) => run('npx', '-y', 'pnpm@12.18.0', ...args);

/** Copies every file of the repository except those that git ignores. */
function copyRepository(): void {
  const list = ['ls-files', '-z', '--cached', '--others', '--exclude-standard'];
  const files = execFileSync('git', list, { cwd: root, encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 });
  for (const file of files.split('\0').filter((name) => name !== '')) {
    mkdirSync(dirname(join(folder, file)), { recursive: true });
    cpSync(join(root, file), join(folder, file), { force: true, recursive: true, errorOnExist: false });
  }
  // `structure` asks git for the files in the root folder.
  run('git', 'init', '--quiet');
}

try {
  copyRepository();
  pnpm('install', '--frozen-lockfile', '--prefer-offline', '--silent');
  pnpm('--silent', 'create:vendor', 'acme-pay', '--title', 'Acme Pay');
  const checks = ['lint', 'structure', 'generated', 'typecheck', ...(isQuick ? [] : ['check:packages'])];
  for (const check of checks) pnpm('--silent', check);
  const vitest = ['vitest', 'run', '--config', 'tools/vitest.config.ts', '--project', 'all'];
  pnpm(
    '--silent',
    'exec',
    ...vitest,
    'packages/vendor-clients',
    'packages/sandbox',
    'tools/generate',
    'apps/broker/test/e2e/vendors.',
  );
  process.stdout.write('scaffold: a created vendor passes every check without another edit\n');
} finally {
  removeTemporaryFolder(folder);
}
