import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import type { FileCounts } from './count-files.ts';

// Lower these bounds when a change makes a request run fewer files.
const maxFilesForNewCallerToken = 30;
const maxFilesForSameCallerToken = 22;

const program = fileURLToPath(new URL('count-files.ts', import.meta.url));

test(
  `issuing a Vital token runs at most ${maxFilesForNewCallerToken} files for a new caller token, and ${maxFilesForSameCallerToken} for a known one`,
  {
    timeout: 120_000,
  },
  async () => {
    // The counter runs in plain Node, because the test runner transforms files and measures coverage itself.
    const node = [process.execPath, ['--conditions=@valetkey/source', program, '--json']] as const;
    const { stdout } = await promisify(execFile)(...node);
    const { newCallerToken, sameCallerToken } = JSON.parse(stdout) as FileCounts;
    // The upper bounds alone would also accept empty lists.
    for (const folder of ['apps/broker/', 'packages/jwt-verify/', 'packages/vendor-clients/']) {
      expect(newCallerToken.some((path) => path.startsWith(folder))).toBe(true);
      expect(sameCallerToken.some((path) => path.startsWith(folder))).toBe(true);
    }
    expect(newCallerToken.length, newCallerToken.join('\n')).toBeLessThanOrEqual(maxFilesForNewCallerToken);
    expect(sameCallerToken.length, sameCallerToken.join('\n')).toBeLessThanOrEqual(maxFilesForSameCallerToken);
  },
);
