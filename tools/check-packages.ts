// Packs every package as for a release, then checks the tarballs and installs them into an empty project.
import { execFileSync, type ExecFileSyncOptions } from 'node:child_process';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { listContents } from './release/tarball-contents.ts';
import { listPackages, packPackages, removeTemporaryFolder, root } from './workspace.ts';

const folder = mkdtempSync(join(tmpdir(), 'valetkey-packages-'));
const show: ExecFileSyncOptions = { cwd: root, stdio: 'inherit' };
const bin = (name: string) => join(root, 'node_modules/.bin', name);

/** Installs all tarballs and their optional peers into an empty project, imports every entry there and runs `valetkey --version`. */
function checkInstalled(tarballs: ReadonlyMap<string, string>, entries: readonly string[]) {
  const project = mkdtempSync(join(folder, 'project-'));
  const dependencies = Object.fromEntries([...tarballs].map(([name, tarball]) => [name, `file:${tarball}`]));
  const manifest = { private: true, type: 'module', dependencies, overrides: dependencies };
  writeFileSync(
    join(project, 'package.json'),
    JSON.stringify({ ...manifest, devDependencies: { react: '^19.3.1', redis: '^6.3.1' } }),
  );
  execFileSync('npm', ['install', '--prefer-offline', '--silent', '--no-audit', '--no-fund'], {
    cwd: project,
    stdio: 'inherit',
  });
  const program = entries.map((entry) => `await import(${JSON.stringify(entry)});`).join('\n');
  writeFileSync(join(project, 'import.js'), `${program}\n`);
  execFileSync(bin('node'), ['import.js'], { cwd: project, stdio: 'inherit' });
  execFileSync(bin('node'), ['node_modules/@valetkey/broker/dist/cli/valetkey.js', '--version'], {
    cwd: project,
    stdio: 'inherit',
  });
}

try {
  const tarballs = packPackages(folder);
  const entries: string[] = [];
  for (const { manifest } of listPackages()) {
    const { name } = manifest;
    const tarball = tarballs.get(name) ?? '';
    listContents(tarball);
    execFileSync(bin('publint'), ['--strict', tarball], show);
    // A package with `main` is also for bundlers and compilers that do not read `exports`.
    const profile = 'main' in manifest ? 'strict' : 'esm-only';
    execFileSync(bin('attw'), [tarball, '--profile', profile, '--format', 'ascii', '--quiet'], show);
    for (const path of Object.keys(manifest.exports)) {
      if (!path.endsWith('.json')) entries.push(name + path.slice(1));
    }
  }
  checkInstalled(tarballs, entries);
  process.stdout.write(`packages: ${tarballs.size} packed, ${entries.length} entries imported from their tarballs\n`);
} finally {
  removeTemporaryFolder(folder);
}
