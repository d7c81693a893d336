// Runs the official server SDKs and compares what they do with the fixtures of the vendors: `pnpm oracles`. With `--write` it
// writes the fixtures.
import { globSync } from 'node:fs';
import { basename } from 'node:path';
import { root } from '../workspace.ts';
import { runOracles } from './run-oracles.ts';

const programs = globSync('vendors/*.ts', { cwd: import.meta.dirname }).toSorted();

process.exitCode = await runOracles({
  programs: new Map(programs.map((file) => [basename(file, '.ts'), new URL(file, import.meta.url)])),
  vendorsFolder: `${root}packages/vendor-clients/src/vendors`,
  write: process.argv.includes('--write'),
  today: new Date().toISOString().slice(0, 10),
  print: (line) => void process.stdout.write(`${line}\n`),
});
