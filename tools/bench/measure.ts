/** One program that a benchmark compares with others. */
export interface Contestant {
  readonly name: string;
  /** Runs before each round and is not measured. Returns the function that does one unit of work. */
  readonly prepare: () => (index: number) => unknown;
}

/** How much each contestant does. */
export interface RaceOptions {
  readonly rounds: number;
  /** Units of work in each round. */
  readonly operations: number;
  /** Units of work under way at the same time. */
  readonly concurrency: number;
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((left, right) => left - right);
  return sorted[Math.floor(sorted.length / 2)] ?? NaN;
}

/** The speed of a contestant. */
export interface Pace {
  /** Operations per second. */
  readonly rate: number;
  /** Microseconds of processor time per operation, on all threads. Other programs disturb it less than the rate. */
  readonly cpuMicroseconds: number;
}

async function timeRound(work: (index: number) => unknown, operations: number, concurrency: number): Promise<Pace> {
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < operations) {
      const index = next;
      next += 1;
      await work(index);
    }
  };
  const startedAt = performance.now();
  const usedBefore = process.cpuUsage();
  await Promise.all(Array.from({ length: concurrency }, worker));
  const { user, system } = process.cpuUsage(usedBefore);
  const seconds = (performance.now() - startedAt) / 1000;
  return { rate: operations / seconds, cpuMicroseconds: (user + system) / operations };
}

/** Measures each contestant in every round, and returns the medians. A first round, which is not counted, warms up. */
export async function racePaces(contestants: readonly Contestant[], options: RaceOptions): Promise<Map<string, Pace>> {
  const results = new Map<string, Pace[]>(contestants.map(({ name }) => [name, []]));
  for (let round = -1; round < options.rounds; round += 1) {
    // The first place rotates, so that no contestant always runs first.
    const first = (round + 1) % contestants.length;
    for (const { name, prepare } of [...contestants.slice(first), ...contestants.slice(0, first)]) {
      const pace = await timeRound(prepare(), options.operations, options.concurrency);
      if (round >= 0) results.get(name)?.push(pace);
    }
  }
  const medianOf = (paces: readonly Pace[]): Pace => ({
    rate: median(paces.map(({ rate }) => rate)),
    cpuMicroseconds: median(paces.map(({ cpuMicroseconds }) => cpuMicroseconds)),
  });
  return new Map([...results].map(([name, paces]) => [name, medianOf(paces)]));
}

/** Returns the operations per second of each contestant, measured as in {@link racePaces}. */
export async function race(contestants: readonly Contestant[], options: RaceOptions): Promise<Map<string, number>> {
  const paces = await racePaces(contestants, options);
  return new Map([...paces].map(([name, { rate }]) => [name, rate]));
}
