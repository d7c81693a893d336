import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { root } from '../workspace.ts';

/** An empty project with the packed client SDK, as an app that knows nothing of this repository. */
export interface PackedProject {
  readonly folder: string;
  readonly tarball: string;
  /** The folder of the package in the project's `node_modules`. */
  readonly packageFolder: string;
}

/** Packs the client SDK as for a release, and unpacks it in a new temporary folder. */
export function packClient(): PackedProject {
  const folder = mkdtempSync(join(tmpdir(), 'valetkey-client-sdk-'));
  const tarball = join(folder, 'client-sdk.tgz');
  const packageFolder = join(folder, 'node_modules/@valetkey/client-sdk');
  execFileSync('npx', ['-y', 'pnpm@12.18.0', 'pack', '--out', tarball], {
    cwd: join(root, 'apps/client-sdk'),
    stdio: 'ignore',
  });
  mkdirSync(packageFolder, { recursive: true });
  execFileSync('tar', ['-xzf', tarball, '--strip-components=1', '-C', packageFolder]);
  // An installer brings it: it is the package's only dependency.
  const library = join(root, 'apps/client-sdk/node_modules/oauth4webapi');
  cpSync(library, join(folder, 'node_modules/oauth4webapi'), { recursive: true, dereference: true });
  return { folder, tarball, packageFolder };
}
