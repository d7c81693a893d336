import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { calmScripts, wildScripts } from '../testing/session-simulation/script.ts';
import { simulate } from '../testing/session-simulation/simulate.ts';

const runs = Number(process.env['RUNS'] ?? 300);

test.each([
  ['calm', calmScripts],
  ['wild', wildScripts],
])('a %s script violates nothing', async (_, scripts) => {
  const started = process.cpuUsage();
  await fc.assert(
    fc.asyncProperty(scripts, async (script) => {
      expect((await simulate(script)).violations).toEqual([]);
    }),
    { numRuns: runs, seed: Number(process.env['SEED'] ?? 1) },
  );
  console.log(process.cpuUsage(started));
});
