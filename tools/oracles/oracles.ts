// Runs the official server SDKs and compares what they do with the fixtures of the vendors: `pnpm oracles`. With `--write` it
// writes the fixtures. Without it, it then proves the pages of the vendors with the published client SDKs.
import { globSync } from 'node:fs';
import { basename } from 'node:path';
import { root } from '../workspace.ts';
import { provePages } from './prove-pages.ts';
import { runOracles } from './run-oracles.ts';

const programs = globSync('vendors/*.ts', { cwd: import.meta.dirname }).toSorted();

const write = process.argv.includes('--write');
const print = (line: string) => void process.stdout.write(`${line}\n`);
const fixtures = await runOracles({
  programs: new Map(programs.map((file) => [basename(file, '.ts'), new URL(file, import.meta.url)])),
  vendorsFolder: `${root}packages/vendor-clients/src/vendors`,
  write,
  today: new Date().toISOString().slice(0, 10),
  print,
});
const pages = write ? 0 : await provePages(print);
process.exitCode = Math.max(fixtures, pages);
