// Runs the official server SDKs and compares what they do with the fixtures of the vendors, then runs the official client SDKs
// with a broker: `pnpm oracles`. With `--write` it only writes the fixtures.
import { globSync, readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { hasChromium } from '../testing/client-page.ts';
import { root } from '../workspace.ts';
import type { ClientOracle } from './define-client.ts';
import { openStage, type Stage } from './clients/stage/stage.ts';
import { runClients } from './run-clients.ts';
import { runOracles } from './run-oracles.ts';

const print = (line: string) => void process.stdout.write(`${line}\n`);

function runServerSdks(write: boolean): Promise<number> {
  const programs = globSync('vendors/*.ts', { cwd: import.meta.dirname }).toSorted();
  return runOracles({
    programs: new Map(programs.map((file) => [basename(file, '.ts'), new URL(file, import.meta.url)])),
    vendorsFolder: `${root}packages/vendor-clients/src/vendors`,
    write,
    today: new Date().toISOString().slice(0, 10),
    print,
  });
}

/** Reads the version from the file itself, because an SDK may not export its manifest. */
function readVersion(packageName: string): string {
  const manifest = new URL(`node_modules/${packageName}/package.json`, import.meta.url);
  return (JSON.parse(readFileSync(manifest, 'utf8')) as { version: string }).version;
}

async function runClientSdks(): Promise<number> {
  if (!hasChromium()) return 0;
  const modules = globSync('clients/*.ts', { cwd: import.meta.dirname }).toSorted();
  const clients = await Promise.all(
    modules.map(async (file) => {
      const { client } = (await import(new URL(file, import.meta.url).href)) as { client: ClientOracle<Stage> };
      return client;
    }),
  );
  const stage = await openStage(clients);
  try {
    return await runClients({ clients, stage, readVersion, print });
  } finally {
    await stage.close();
  }
}

const write = process.argv.includes('--write');
const codes = [await runServerSdks(write), write ? 0 : await runClientSdks()];
process.exitCode = Math.max(...codes);
