// The load generator, a process of its own.
import { Pool, type Dispatcher } from 'undici';

/** One kind of request, and how many of it. */
export interface LoadOrder {
  readonly url: string;
  readonly method: 'GET' | 'POST';
  readonly path: string;
  /** The app tokens, which the requests use in turn. */
  readonly tokens: readonly string[];
  readonly connections: number;
  /** With `perSecond`, requests are sent at that rate, however slowly the server responds. Without it, each connection waits. */
  readonly phases: readonly LoadPhase[];
}

export interface LoadPhase {
  readonly seconds: number;
  readonly perSecond?: number | undefined;
  /** The phase lasts until so many requests were sent, if that is longer. */
  readonly minRequests?: number | undefined;
}

/** What became of each request. */
export interface LoadSamples {
  /** When each request was due, in milliseconds after the start. */
  readonly dueMs: Float64Array;
  /** Milliseconds from then to the end of the response. */
  readonly latencyMs: Float64Array;
  /** 0 if the connection failed. */
  readonly status: Uint16Array;
  readonly hasRetryAfter: Uint8Array;
  /** The share of its core that the load generator used. */
  readonly ownShare: number;
}

interface Sample {
  readonly dueMs: number;
  readonly latencyMs: number;
  readonly status: number;
  readonly hasRetryAfter: boolean;
}

async function run({ url, method, path, tokens, connections, phases }: LoadOrder): Promise<LoadSamples> {
  const pool = new Pool(url, { connections, pipelining: 1, headersTimeout: 120_000, bodyTimeout: 120_000 });
  const requests = tokens.map((token) => ({ method, path, headers: ['authorization', `Bearer ${token}`] }));
  const samples: Sample[] = [];
  let next = 0;
  let pending = 0;
  const startedAt = performance.now();
  const usedBefore = process.cpuUsage();

  const send = (dueMs: number, onEnd: () => void): void => {
    const request = requests[next % requests.length];
    next += 1;
    pending += 1;
    let status = 0;
    let hasRetryAfter = false;
    const end = (): void => {
      pending -= 1;
      samples.push({ dueMs, latencyMs: performance.now() - startedAt - dueMs, status, hasRetryAfter });
      onEnd();
    };
    const handler: Dispatcher.DispatchHandler = {
      onRequestStart: () => undefined,
      onResponseStart(_controller, statusCode, headers) {
        status = statusCode;
        hasRetryAfter = headers['retry-after'] !== undefined;
      },
      onResponseData: () => undefined,
      onResponseEnd: end,
      onResponseError() {
        status = 0;
        end();
      },
    };
    pool.dispatch(request as Dispatcher.DispatchOptions, handler);
  };

  let endMs = 0;
  for (const { seconds, perSecond, minRequests = 0 } of phases) {
    const beginMs = endMs;
    endMs += seconds * 1_000;
    await (perSecond === undefined ? sendInTurn(endMs, minRequests) : sendAtRate(beginMs, endMs, perSecond));
  }
  while (pending > 0) await new Promise((resolve) => setTimeout(resolve, 5));
  const { user, system } = process.cpuUsage(usedBefore);
  const ownShare = (user + system) / 1_000 / (performance.now() - startedAt);
  await pool.close();
  return {
    dueMs: Float64Array.from(samples, ({ dueMs }) => dueMs),
    latencyMs: Float64Array.from(samples, ({ latencyMs }) => latencyMs),
    status: Uint16Array.from(samples, ({ status }) => status),
    hasRetryAfter: Uint8Array.from(samples, ({ hasRetryAfter }) => Number(hasRetryAfter)),
    ownShare,
  };

  async function sendInTurn(untilMs: number, minRequests: number): Promise<void> {
    const loop = (resolve: () => void): void => {
      const nowMs = performance.now() - startedAt;
      if (nowMs >= untilMs && next >= minRequests) resolve();
      else send(nowMs, () => loop(resolve));
    };
    await Promise.all(Array.from({ length: connections }, () => new Promise<void>(loop)));
  }

  async function sendAtRate(beginMs: number, untilMs: number, perSecond: number): Promise<void> {
    const total = Math.floor(((untilMs - beginMs) / 1_000) * perSecond);
    for (let sent = 0; sent < total;) {
      const due = Math.min(total, ((performance.now() - startedAt - beginMs) / 1_000) * perSecond);
      for (; sent < due; sent += 1) send(beginMs + (sent / perSecond) * 1_000, () => undefined);
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
  }
}

process.on('message', (order: LoadOrder) => void run(order).then((samples) => process.send?.(samples)));
process.on('disconnect', () => process.exit());
