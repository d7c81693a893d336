import { globSync } from 'node:fs';
import { basename } from 'node:path';
import { listPackages, type Manifest } from '../workspace.ts';
import { readSourceFile, type SourceFile } from './source-file.ts';

/** One package with all its source files. */
export interface SourcePackage {
  /** `packages/core-types` */
  readonly folder: string;
  /** `core-types` */
  readonly name: string;
  readonly manifest: Manifest;
  readonly files: readonly SourceFile[];
}

/** The packages that the checks read. */
export interface Repository {
  readonly root: string;
  readonly packages: readonly SourcePackage[];
}

/** One violation of a rule. */
export interface Problem {
  /** The file or folder that breaks the rule, relative to the root folder. */
  readonly place: string;
  readonly problem: string;
}

export function readRepository(root: string): Repository {
  return {
    root,
    packages: listPackages(root).map(({ folder, manifest }) => ({
      folder,
      name: basename(folder),
      manifest,
      files: globSync(`${folder}/src/**/*.{ts,tsx}`, { cwd: root })
        .map((path) => path.replaceAll('\\', '/'))
        .toSorted()
        .map((path) => readSourceFile(root, path)),
    })),
  };
}
