// Runs the official server SDKs and compares what they do with the fixtures of the vendors: `pnpm oracles`. With `--write` it
// writes the fixtures. Then proves that published client SDKs call through the broker and, without `--write`, the pages of the
// vendors with the published client SDKs.
import { globSync } from 'node:fs';
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';
import { sdkRequestsFile } from '../../apps/broker/test/support/sdk-requests.ts';
import { root } from '../workspace.ts';
import { proveClients } from './prove-clients.ts';
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
const clients = await proveClients({
  programs: globSync('clients/*.ts', { cwd: import.meta.dirname })
    .toSorted()
    .map((file) => new URL(file, import.meta.url)),
  file: fileURLToPath(sdkRequestsFile),
  write,
  print,
});
const pages = write ? 0 : await provePages(print);
process.exitCode = Math.max(fixtures, clients, pages);
