import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import type { FileCounts } from './count-files.ts';

// Lower these when a change makes the way of a request shorter.
const maxFilesForNewCallerToken = 30;
const maxFilesForSameCallerToken = 22;

const program = fileURLToPath(new URL('count-files.ts', import.meta.url));

test(
  'a Vital token runs through no more files than before, for a new caller token and for the same one',
  {
    timeout: 120_000,
  },
  async () => {
    // The counter needs plain Node: the test runner's own coverage and transforms would count along.
    const node = [process.execPath, ['--conditions=@valetkey/source', program, '--json']] as const;
    const { stdout } = await promisify(execFile)(...node);
    const { newCallerToken, sameCallerToken } = JSON.parse(stdout) as FileCounts;
    // A counter that finds nothing would pass as well.
    for (const folder of ['apps/broker/', 'packages/jwt-verify/', 'packages/vendor-clients/']) {
      expect(newCallerToken.some((path) => path.startsWith(folder))).toBe(true);
      expect(sameCallerToken.some((path) => path.startsWith(folder))).toBe(true);
    }
    expect(newCallerToken.length, newCallerToken.join('\n')).toBeLessThanOrEqual(maxFilesForNewCallerToken);
    expect(sameCallerToken.length, sameCallerToken.join('\n')).toBeLessThanOrEqual(maxFilesForSameCallerToken);
  },
);
