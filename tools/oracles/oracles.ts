// Runs the official server SDKs and compares what they do with the fixtures of the vendors, then runs the official client SDKs
// with a broker, as the pages of their vendors print it: `pnpm oracles`. With `--write` it only writes the fixtures.
import { globSync, readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';
import { compileBlocks } from '../clients/compile-blocks.ts';
import { readBlocks } from '../clients/page-code.ts';
import { hasChromium } from '../testing/client-page.ts';
import { root } from '../workspace.ts';
import type { PageOracle } from './define-page.ts';
import { openStage, type Stage } from './pages/stage/stage.ts';
import { runPages } from './run-pages.ts';
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

async function provePages(): Promise<number> {
  if (!hasChromium()) return 0;
  const modules = globSync('pages/*.ts', { cwd: import.meta.dirname }).toSorted();
  const pages = await Promise.all(
    modules.map(async (file) => {
      const { oracle } = (await import(new URL(file, import.meta.url).href)) as { oracle: PageOracle<Stage> };
      return oracle;
    }),
  );
  const stage = await openStage(pages);
  try {
    const code = await runPages({ pages, stage, readVersion, print });
    return Math.max(code, compilePages(pages.map(({ page }) => page)));
  } finally {
    await stage.close();
  }
}

/** Compiles the code of the pages with the types of the SDKs, and prints what is wrong. Returns the exit code. */
function compilePages(pages: readonly string[]): number {
  const folder = (name: string) => fileURLToPath(new URL(name, import.meta.url));
  const blocks = pages.flatMap((page) => readBlocks(page, 'ts'));
  const problems = compileBlocks(blocks, { stubs: folder('pages/declarations'), packages: folder('node_modules') });
  for (const problem of problems) print(problem);
  print(`pages: ${blocks.length} blocks, ${problems.length} ${problems.length === 1 ? 'type error' : 'type errors'}`);
  return problems.length === 0 ? 0 : 1;
}

const write = process.argv.includes('--write');
const codes = [await runServerSdks(write), write ? 0 : await provePages()];
process.exitCode = Math.max(...codes);
