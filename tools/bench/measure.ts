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

/** What a contestant does in one round. */
export interface Pace {
  /** Operations a second. */
  readonly rate: number;
  /** Microseconds of processor time for one operation, on all threads: other programs disturb it less than the rate. */
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

/** The pace of each contestant: medians over rounds in which all take turns, after one to warm up. */
export async function racePaces(contestants: readonly Contestant[], options: RaceOptions): Promise<Map<string, Pace>> {
  const results = new Map<string, Pace[]>(contestants.map(({ name }) => [name, []]));
  for (let round = -1; round < options.rounds; round += 1) {
    // Another begins each time: nobody always runs on what the same neighbour left behind.
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

/** Operations a second of each contestant, as {@link racePaces}. */
export async function race(contestants: readonly Contestant[], options: RaceOptions): Promise<Map<string, number>> {
  const paces = await racePaces(contestants, options);
  return new Map([...paces].map(([name, { rate }]) => [name, rate]));
}
