import type { PageOracle } from './define-page.ts';

export interface PageRun<Stage> {
  readonly pages: readonly PageOracle<Stage>[];
  readonly stage: Stage;
  /** Returns the installed version of a package. */
  readonly readVersion: (packageName: string) => string;
  readonly print: (line: string) => void;
}

/** Runs the proofs of each SDK, and prints a line about each SDK. Returns the exit code: 1 if a proof failed. */
export async function runPages<Stage>({ pages, stage, readVersion, print }: PageRun<Stage>): Promise<number> {
  let count = 0;
  let failed = 0;
  for (const { package: name, proofs } of pages) {
    const sdk = `${name} ${readVersion(name)}`;
    const entries = Object.entries(proofs);
    let passed = 0;
    for (const [title, prove] of entries) {
      try {
        await prove(stage);
        passed += 1;
      } catch (error) {
        print(`${sdk}, "${title}": ${error instanceof Error ? error.message : 'failed'}`);
      }
    }
    print(`${sdk}: ${passed} of ${entries.length} proofs`);
    count += entries.length;
    failed += entries.length - passed;
  }
  print(`pages: ${pages.length} client SDKs, ${count} proofs, ${failed} ${failed === 1 ? 'failure' : 'failures'}`);
  return failed === 0 && count > 0 ? 0 : 1;
}
