import { fork } from 'node:child_process';
import { once } from 'node:events';
import { Agent, request } from 'undici';

/** How one call of a load went. `status` is 0 where the connection failed. */
export interface Sample {
  readonly status: number;
  readonly body: string;
  /** When it began, in milliseconds since 1970. */
  readonly atMs: number;
  readonly elapsedMs: number;
}

/** A load on one address. */
export interface Load {
  readonly url: string;
  readonly method: 'GET' | 'POST';
  readonly token: string;
  readonly perSecond: number;
  readonly durationMs: number;
}

const tickMs = 10;

/**
 * Calls at a steady rate, however slow the answers are: callers do not wait for each other, and a slow server gets no
 * mercy from them.
 */
export async function runLoad({ url, method, token, perSecond, durationMs }: Load): Promise<Sample[]> {
  const agent = new Agent({ connections: 4_000, headersTimeout: 30_000, bodyTimeout: 30_000 });
  const calls: Promise<Sample>[] = [];
  const call = async (): Promise<Sample> => {
    const startedAt = performance.now();
    const atMs = Date.now();
    const options = { dispatcher: agent, method, headers: { authorization: `Bearer ${token}` } };
    try {
      const { statusCode: status, body } = await request(url, options);
      return { status, body: await body.text(), atMs, elapsedMs: performance.now() - startedAt };
    } catch {
      return { status: 0, body: '', atMs, elapsedMs: performance.now() - startedAt };
    }
  };
  const startedAt = performance.now();
  await new Promise<void>((resolve) => {
    const timer = setInterval(() => {
      const elapsedMs = Math.min(performance.now() - startedAt, durationMs);
      while (calls.length < (elapsedMs / 1_000) * perSecond) calls.push(call());
      if (elapsedMs < durationMs) return;
      clearInterval(timer);
      resolve();
    }, tickMs);
  });
  const samples = await Promise.all(calls);
  await agent.close();
  return samples;
}

/** As {@link runLoad} for each of several, in a process of their own: they hold up nobody who measures meanwhile. */
export async function runLoadsAside(...loads: readonly Load[]): Promise<Sample[][]> {
  const loader = fork(new URL('load-process.ts', import.meta.url), [JSON.stringify(loads)], { execArgv: [] });
  const [samples] = (await once(loader, 'message')) as [Sample[][]];
  loader.disconnect();
  return samples;
}

/** What a server that does nothing is late by when it is the machine that stands still. */
const standstillMs = 15;

/**
 * The samples during which the machine did not stand still, by those of a control: a server in a process of its own that
 * answers at once. What held up both is neither's doing.
 */
export function undisturbed(samples: readonly Sample[], control: readonly Sample[]): Sample[] {
  const standstills = control.filter(({ elapsedMs }) => elapsedMs > standstillMs);
  const overlaps = (one: Sample, other: Sample) =>
    one.atMs <= other.atMs + other.elapsedMs + standstillMs && other.atMs <= one.atMs + one.elapsedMs + standstillMs;
  return samples.filter((sample) => !standstills.some((standstill) => overlaps(sample, standstill)));
}

/** The time within which this share of the calls was answered, in milliseconds. */
export function percentile(samples: readonly Sample[], share: number): number {
  const sorted = samples.map(({ elapsedMs }) => elapsedMs).toSorted((one, other) => one - other);
  return sorted[Math.min(Math.floor(sorted.length * share), sorted.length - 1)] ?? Number.NaN;
}
