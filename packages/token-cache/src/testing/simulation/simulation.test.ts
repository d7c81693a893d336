import { env } from 'node:process';
import { describe, expect, test } from 'vitest';
import { mistakes } from './mistakes.ts';
import type { Mistake } from './scenario.ts';
import { simulate } from './simulate.ts';

const replay = 'SEED=<seed> npx -y pnpm@12.18.0 --filter @valetkey/token-cache simulate';

const firstSeed = Number(env['FIRST_SEED'] ?? 1);
const seeds = Number(env['SEEDS'] ?? 3000);

/** Returns the first of `count` seeds whose run violates an invariant, with the violations. */
async function firstViolation(first: number, count: number, mistake?: Mistake): Promise<string | undefined> {
  for (let seed = first; seed < first + count; seed += 1) {
    const { violations } = await simulate({ seed, mistake, scenario: mistake?.scenario });
    if (violations.length > 0) return `seed ${seed} (${replay}): ${violations.join('; ')}`;
  }
  return undefined;
}

describe('a simulated deployment', { timeout: 600_000 }, () => {
  test(`a simulated deployment violates no invariant over ${seeds} seeds`, async () => {
    expect(await firstViolation(firstSeed, seeds)).toBeUndefined();
  });

  test('two runs of the same seed are the same', async () => {
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
    'a simulated deployment violates no invariant after a crash at any delivery of seed %i',
    async (seed) => {
      const scenario = { replicas: 3, crashes: false };
      const { deliveries } = await simulate({ seed, scenario });
      expect(deliveries).toBeGreaterThan(20);
      for (let crashAtDelivery = 1; crashAtDelivery <= deliveries; crashAtDelivery += 1) {
        const { violations } = await simulate({ seed, scenario, crashAtDelivery });
        expect(violations, `seed ${seed}, crash at delivery ${crashAtDelivery}`).toEqual([]);
      }
    },
  );

  test.each(Object.entries(mistakes))('the invariants notice %s', async (_, mistake) => {
    expect(await firstViolation(1, 400, mistake)).toMatch(/^seed \d+/);
  });
});
