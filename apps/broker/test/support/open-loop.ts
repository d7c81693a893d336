import { fork } from 'node:child_process';
import { once } from 'node:events';
import { Agent, request } from 'undici';

/** One call of a load. `status` is 0 if the TCP connection failed. */
export interface Sample {
  readonly status: number;
  readonly body: string;
  readonly elapsedMs: number;
}

/** Calls to one URL at a steady rate. */
export interface Load {
  readonly url: string;
  readonly method: 'GET' | 'POST';
  readonly token: string;
  readonly perSecond: number;
  readonly durationMs: number;
}

const tickMs = 10;

/** Sends calls at a steady rate, however slow the responses are: no call waits for an earlier one. */
export async function runLoad({ url, method, token, perSecond, durationMs }: Load): Promise<Sample[]> {
  const agent = new Agent({ connections: 4_000, headersTimeout: 30_000, bodyTimeout: 30_000 });
  const calls: Promise<Sample>[] = [];
  const call = async (): Promise<Sample> => {
    const startedAt = performance.now();
    const options = { dispatcher: agent, method, headers: { authorization: `Bearer ${token}` } };
    try {
      const { statusCode: status, body } = await request(url, options);
      return { status, body: await body.text(), elapsedMs: performance.now() - startedAt };
    } catch {
      return { status: 0, body: '', elapsedMs: performance.now() - startedAt };
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

/** Runs loads as {@link runLoad} does, but in another process, so that they do not delay the measurements of this one. */
export async function runLoadsInOtherProcess(...loads: readonly Load[]): Promise<Sample[][]> {
  const loader = fork(new URL('load-process.ts', import.meta.url), [JSON.stringify(loads)], { execArgv: [] });
  const [samples] = (await once(loader, 'message')) as [Sample[][]];
  loader.disconnect();
  return samples;
}

/** Starts a server that does no work, in a process of its own. */
export async function startBaselineServer() {
  const server = fork(new URL('baseline-server.ts', import.meta.url), { execArgv: [] });
  const [port] = (await once(server, 'message')) as [number];
  return { url: `http://127.0.0.1:${port}/`, [Symbol.dispose]: () => server.disconnect() };
}

/** Returns the milliseconds within which `share` of the calls ended. */
export function percentile(samples: readonly Sample[], share: number): number {
  const sorted = samples.map(({ elapsedMs }) => elapsedMs).toSorted((one, other) => one - other);
  return sorted[Math.min(Math.floor(sorted.length * share), sorted.length - 1)] ?? Number.NaN;
}
