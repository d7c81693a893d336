import { env } from 'node:process';
import { describe, expect, test } from 'vitest';
import { mistakes } from './mistakes.ts';
import type { Mistake } from './scenario.ts';
import { simulate } from './simulate.ts';

const replay = 'SEED=<seed> npx -y pnpm@12.18.0 --filter @valetkey/token-cache simulate';

const firstSeed = Number(env['FIRST_SEED'] ?? 1);
const seeds = Number(env['SEEDS'] ?? 3000);

/** Returns the first of these seeds whose run breaks a promise, with the promises that it breaks. */
async function firstViolation(first: number, count: number, mistake?: Mistake): Promise<string | undefined> {
  for (let seed = first; seed < first + count; seed += 1) {
    const { violations } = await simulate({ seed, mistake, scenario: mistake?.scenario });
    if (violations.length > 0) return `seed ${seed} (${replay}): ${violations.join('; ')}`;
  }
  return undefined;
}

describe('a simulated deployment', { timeout: 600_000 }, () => {
  test(`a simulated deployment keeps its promises over ${seeds} seeds`, async () => {
    expect(await firstViolation(firstSeed, seeds)).toBeUndefined();
  });

  test('a seed runs the same way each time', async () => {
    const run = async (): Promise<string[]> => {
      const lines: string[] = [];
      await simulate({ seed: 7, trace: (line) => lines.push(line) });
      return lines;
    };
    const lines = await run();
    expect(lines.length).toBeGreaterThan(100);
    expect(await run()).toEqual(lines);
  });

  test.each([11, 12, 13, 14, 15, 16])(
    'a simulated deployment keeps its promises after a crash at every await of seed %i',
    async (seed) => {
      const scenario = { replicas: 3, crashes: false };
      const { awaits } = await simulate({ seed, scenario });
      expect(awaits).toBeGreaterThan(20);
      for (let crashAtAwait = 1; crashAtAwait <= awaits; crashAtAwait += 1) {
        const { violations } = await simulate({ seed, scenario, crashAtAwait });
        expect(violations, `seed ${seed}, crash at await ${crashAtAwait}`).toEqual([]);
      }
    },
  );

  test.each(Object.entries(mistakes))('the invariants notice %s', async (_, mistake) => {
    expect(await firstViolation(1, 400, mistake)).toMatch(/^seed \d+/);
  });
});
