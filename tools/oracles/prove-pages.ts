import { globSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { compileBlocks } from '../clients/compile-blocks.ts';
import { readBlocks } from '../clients/page-code.ts';
import { hasChromium } from '../testing/client-page.ts';
import type { PageOracle } from './define-page.ts';
import { openStage, type Stage } from './pages/stage/stage.ts';
import { runPages } from './run-pages.ts';

type Print = (line: string) => void;

/**
 * Runs the published client SDKs with a broker in Chromium, as the pages of their vendors print it, and compiles the code of these
 * pages. Returns the exit code.
 */
export async function provePages(print: Print): Promise<number> {
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
    return Math.max(
      code,
      compilePages(
        pages.map(({ page }) => page),
        print,
      ),
    );
  } finally {
    await stage.close();
  }
}

/** Reads the version from the file itself, because an SDK may not export its manifest. */
function readVersion(packageName: string): string {
  const manifest = new URL(`node_modules/${packageName}/package.json`, import.meta.url);
  return (JSON.parse(readFileSync(manifest, 'utf8')) as { version: string }).version;
}

/** Compiles the code of the pages with the types of the SDKs, and prints what is wrong. Returns the exit code. */
function compilePages(pages: readonly string[], print: Print): number {
  const folder = (name: string) => fileURLToPath(new URL(name, import.meta.url));
  const blocks = pages.flatMap((page) => readBlocks(page, 'ts'));
  const problems = compileBlocks(blocks, { stubs: folder('pages/declarations'), packages: folder('node_modules') });
  for (const problem of problems) print(problem);
  print(`pages: ${blocks.length} blocks, ${problems.length} ${problems.length === 1 ? 'type error' : 'type errors'}`);
  return problems.length === 0 ? 0 : 1;
}
