// Packs every package as for a release: `pnpm tarballs [FOLDER]` writes `FOLDER/broker.tgz` and the others. Default: `tarballs`.
import { mkdirSync } from 'node:fs';
import { resolve } from 'node:path';
import { packPackages, root } from './workspace.ts';

// pnpm runs a script in the root of the workspace, and names the folder in which the caller is.
const [folder = 'tarballs'] = process.argv.slice(2);
const target = resolve(process.env['INIT_CWD'] ?? root, folder);
mkdirSync(target, { recursive: true });
const tarballs = packPackages(target);
process.stdout.write(`${tarballs.size} tarballs are in ${target}\n`);
