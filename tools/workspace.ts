import { existsSync, readdirSync, readFileSync } from 'node:fs';
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
