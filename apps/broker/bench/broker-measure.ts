import { once } from 'node:events';
import { median } from '../../../tools/bench/measure.ts';
import type { LoadOrder, LoadPhase, LoadSamples } from './broker-load.ts';
import { benchFile, processorSeconds, startNode, type RunningServer } from './broker-process.ts';

/** Starts the load generator and returns a function that sends requests and resolves to what became of them. */
export function startLoad() {
  const child = startNode('load', [benchFile('broker-load.ts')], true);
  const ended = once(child, 'exit').then((): never => {
    throw new Error('The load generator ended.');
  });
  ended.catch(() => undefined);
  return {
    async send(order: LoadOrder): Promise<LoadSamples> {
      child.send(order);
      const [samples] = (await Promise.race([once(child, 'message'), ended])) as [LoadSamples];
      return samples;
    },
    stop: () => child.disconnect(),
  };
}

export type Load = ReturnType<typeof startLoad>;

/** Returns the value below which this share of the values is. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = Float64Array.from(values).toSorted();
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

/** One measurement of a server under load. */
export interface Service {
  readonly perSecond: number;
  /** Microseconds of processor time of the server, on all its threads, for each request. */
  readonly cpuMicroseconds: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** The share of its core that the server used, and that of the load generator. */
  readonly serverShare: number;
  readonly loadShare: number;
}

/** Measures a server whose clients each wait for the response before they send the next request. */
export async function measureService(
  load: Load,
  { url, pid }: RunningServer,
  { seconds, minRequests, ...order }: Omit<LoadOrder, 'url' | 'phases'> & LoadPhase,
): Promise<Service> {
  const [usedBefore, startedAt] = [processorSeconds(pid), performance.now()];
  const samples = await load.send({ ...order, url, phases: [{ seconds, minRequests }] });
  const used = processorSeconds(pid) - usedBefore;
  const failed = samples.status.find((status) => status < 200 || status > 299);
  if (failed !== undefined) throw new Error(`A request failed with status ${failed}.`);
  const latencies = [...samples.latencyMs];
  const elapsed = (performance.now() - startedAt) / 1_000;
  const lastMs = samples.dueMs.at(-1) ?? Number.NaN;
  return {
    perSecond: latencies.length / (lastMs / 1_000),
    cpuMicroseconds: (used / latencies.length) * 1e6,
    p50Ms: quantile(latencies, 0.5),
    p99Ms: quantile(latencies, 0.99),
    serverShare: used / elapsed,
    loadShare: samples.ownShare,
  };
}

/** Returns the median of each figure. */
export function medianService(services: readonly Service[]): Service {
  const middle = (key: keyof Service): number => median(services.map((service) => service[key]));
  return {
    perSecond: middle('perSecond'),
    cpuMicroseconds: middle('cpuMicroseconds'),
    p50Ms: middle('p50Ms'),
    p99Ms: middle('p99Ms'),
    serverShare: middle('serverShare'),
    loadShare: middle('loadShare'),
  };
}
