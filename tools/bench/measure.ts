/** One contestant: does one unit of work for each index. */
export interface Contestant {
  readonly name: string;
  /** Runs before each round, outside the time taken. Answers the work of that round. */
  readonly prepare: () => (index: number) => unknown;
}

/** How long and how wide a race is. */
export interface RaceOptions {
  readonly rounds: number;
  readonly operations: number;
  /** Units of work under way at one time. */
  readonly concurrency: number;
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((left, right) => left - right);
  return sorted[Math.floor(sorted.length / 2)] ?? NaN;
}

async function timeRound(work: (index: number) => unknown, operations: number, concurrency: number): Promise<number> {
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < operations) {
      const index = next;
      next += 1;
      await work(index);
    }
  };
  const startedAt = performance.now();
  await Promise.all(Array.from({ length: concurrency }, worker));
  return operations / ((performance.now() - startedAt) / 1000);
}

/** Operations a second of each contestant: the median over rounds in which all take turns, after one to warm up. */
export async function race(contestants: readonly Contestant[], options: RaceOptions): Promise<Map<string, number>> {
  const results = new Map<string, number[]>(contestants.map(({ name }) => [name, []]));
  for (let round = -1; round < options.rounds; round += 1) {
    for (const { name, prepare } of contestants) {
      const rate = await timeRound(prepare(), options.operations, options.concurrency);
      if (round >= 0) results.get(name)?.push(rate);
    }
  }
  return new Map([...results].map(([name, rates]) => [name, median(rates)]));
}
