// `npx -y pnpm@12.18.0 bench <name>` runs {packages,apps}/*/bench/<name>.ts, which writes its section of docs/benchmarks.md.
import { globSync } from 'node:fs';
import { basename, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { root } from './workspace.ts';

// A file with a hyphen in its name belongs to another benchmark in the same folder.
const files = globSync('{packages,apps}/*/bench/*.ts', { cwd: root }).filter((file) => !basename(file).includes('-'));
const names = new Map(files.map((file) => [basename(file, '.ts'), file]));

const file = names.get(process.argv[2] ?? '');
if (file === undefined) {
  process.stderr.write(
    `Usage: npx -y pnpm@12.18.0 bench <name>, where <name> is one of: ${[...names.keys()].join(', ')}\n`,
  );
  process.exitCode = 1;
} else {
  await import(pathToFileURL(join(root, file)).href);
}
