import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The root folder of this repository. */
export const root = fileURLToPath(new URL('..', import.meta.url));

export interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly engines?: { readonly node?: string };
  readonly exports: Readonly<Record<string, unknown>>;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
}

export interface WorkspacePackage {
  /** `packages/core-types` */
  readonly folder: string;
  readonly manifest: Manifest;
}

/** Returns every package of the workspace in the folder `workspaceRoot`. */
export function listPackages(workspaceRoot = root): WorkspacePackage[] {
  return ['packages', 'apps'].flatMap((group) =>
    readdirSync(join(workspaceRoot, group))
      .map((name) => ({ folder: `${group}/${name}`, file: join(workspaceRoot, group, name, 'package.json') }))
      .filter(({ file }) => existsSync(file))
      .map(({ folder, file }) => ({ folder, manifest: JSON.parse(readFileSync(file, 'utf8')) as Manifest })),
  );
}

/** Packs every package as for a release, after its build. Returns the path of each tarball by the name of its package. */
export function packPackages(target: string): ReadonlyMap<string, string> {
  return new Map(
    listPackages().map(({ folder, manifest: { name } }) => {
      const tarball = join(target, `${name.replace('@valetkey/', '')}.tgz`);
      execFileSync('npx', ['-y', 'pnpm@12.18.0', 'pack', '--out', tarball], {
        cwd: join(root, folder),
        stdio: 'ignore',
      });
      return [name, tarball];
    }),
  );
}

/**
 * Removes the temporary folder of a check. If a process that still ends writes into it, the folder stays and a line says so: an
 * error here would replace the error of the check.
 */
export function removeTemporaryFolder(folder: string): void {
  try {
    rmSync(folder, { recursive: true, force: true });
  } catch (error) {
    process.stderr.write(`${folder} could not be removed: ${String(error)}\n`);
  }
}
