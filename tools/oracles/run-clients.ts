import type { ClientOracle } from './define-client.ts';

export interface ClientRun<Stage> {
  readonly clients: readonly ClientOracle<Stage>[];
  readonly stage: Stage;
  /** Returns the installed version of a package. */
  readonly readVersion: (packageName: string) => string;
  readonly print: (line: string) => void;
}

/** Runs the proofs of each SDK, and prints a line about each SDK. Returns the exit code: 1 if a proof failed. */
export async function runClients<Stage>({ clients, stage, readVersion, print }: ClientRun<Stage>): Promise<number> {
  let count = 0;
  let failed = 0;
  for (const { package: name, proofs } of clients) {
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
  print(`clients: ${clients.length} SDKs, ${count} proofs, ${failed} ${failed === 1 ? 'failure' : 'failures'}`);
  return failed === 0 && count > 0 ? 0 : 1;
}
