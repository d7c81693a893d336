// The load generator, a process of its own. It uses undici's clients, one for each TCP connection. autocannon counts no
// latency for each status, builds the requests of all tokens again for each connection, and costs more for each request. wrk
// sends at no fixed rate. Each line of output has the shares of the cores that the server and the load generator used.
import { Client, type Dispatcher } from 'undici';

/** One kind of request, and how many of it. */
export interface LoadOrder {
  readonly url: string;
  readonly method: 'GET' | 'POST';
  readonly path: string;
  /** The app tokens, which the requests use in turn. */
  readonly tokens: readonly string[];
  /** The most TCP connections. A request that finds none free waits for one. */
  readonly connections: number;
  readonly phases: readonly LoadPhase[];
}

export interface LoadPhase {
  readonly seconds: number;
  /** Requests are sent at this rate, however slowly the server responds. Absent: each connection waits for its response. */
  readonly perSecond?: number | undefined;
  /** Without `perSecond`: the phase lasts until so many requests were sent, if that is longer. */
  readonly minRequests?: number | undefined;
}

/** What became of each request, in the order in which they ended. */
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

type Respond = (status: number, hasRetryAfter: boolean) => void;

/** Returns a function that sends a request on a free connection, or as soon as one is free. */
function openConnections(url: string, connections: number) {
  const clients: Client[] = [];
  const free: Client[] = [];
  const waiting: ((client: Client) => void)[] = [];
  const release = (client: Client): void => {
    const next = waiting.shift();
    if (next === undefined) free.push(client);
    else next(client);
  };
  const dispatch = (client: Client, request: Dispatcher.DispatchOptions, respond: Respond): void => {
    let status = 0;
    let hasRetryAfter = false;
    client.dispatch(request, {
      onRequestStart: () => undefined,
      onResponseStart(_controller, statusCode, headers) {
        status = statusCode;
        hasRetryAfter = headers['retry-after'] !== undefined;
      },
      onResponseData: () => undefined,
      onResponseEnd() {
        release(client);
        respond(status, hasRetryAfter);
      },
      onResponseError() {
        // A client accepts the next request only after this function has returned.
        setImmediate(() => {
          release(client);
          respond(0, false);
        });
      },
    });
  };
  return {
    send(request: Dispatcher.DispatchOptions, respond: Respond): void {
      let client = free.pop();
      if (client === undefined && clients.length < connections) {
        client = new Client(url, { pipelining: 1, headersTimeout: 120_000, bodyTimeout: 120_000 });
        clients.push(client);
      }
      if (client === undefined) waiting.push((next) => dispatch(next, request, respond));
      else dispatch(client, request, respond);
    },
    close: () => Promise.all(clients.map((client) => client.close())),
  };
}

async function run({ url, method, path, tokens, connections, phases }: LoadOrder): Promise<LoadSamples> {
  const pool = openConnections(url, connections);
  const requests = tokens.map((token) => ({ method, path, headers: ['authorization', `Bearer ${token}`] }));
  const samples: Sample[] = [];
  let sent = 0;
  const startedAt = performance.now();
  const usedBefore = process.cpuUsage();
  const elapsedMs = (): number => performance.now() - startedAt;

  const send = (dueMs: number, onEnd: () => void): void => {
    const request = requests[sent % requests.length] as Dispatcher.DispatchOptions;
    sent += 1;
    pool.send(request, (status, hasRetryAfter) => {
      samples.push({ dueMs, latencyMs: elapsedMs() - dueMs, status, hasRetryAfter });
      onEnd();
    });
  };

  const sendInTurn = async (untilMs: number, minRequests: number): Promise<void> => {
    const loop = (resolve: () => void): void => {
      const nowMs = elapsedMs();
      if (nowMs >= untilMs && sent >= minRequests) resolve();
      else send(nowMs, () => loop(resolve));
    };
    await Promise.all(Array.from({ length: connections }, () => new Promise<void>(loop)));
  };

  const sendAtRate = async (beginMs: number, untilMs: number, perSecond: number): Promise<void> => {
    const total = Math.floor(((untilMs - beginMs) / 1_000) * perSecond);
    for (let count = 0; count < total; await wait(1)) {
      const due = Math.min(total, ((elapsedMs() - beginMs) / 1_000) * perSecond);
      for (; count < due; count += 1) send(beginMs + (count / perSecond) * 1_000, () => undefined);
    }
  };

  let endMs = 0;
  for (const { seconds, perSecond, minRequests = 0 } of phases) {
    const beginMs = endMs;
    endMs += seconds * 1_000;
    await (perSecond === undefined ? sendInTurn(endMs, minRequests) : sendAtRate(beginMs, endMs, perSecond));
  }
  while (samples.length < sent) await wait(5);
  const { user, system } = process.cpuUsage(usedBefore);
  const ownShare = (user + system) / 1_000 / elapsedMs();
  await pool.close();
  return { ...toArrays(samples), ownShare };
}

function wait(milliseconds: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, milliseconds);
  });
}

function toArrays(samples: readonly Sample[]): Omit<LoadSamples, 'ownShare'> {
  return {
    dueMs: Float64Array.from(samples, ({ dueMs }) => dueMs),
    latencyMs: Float64Array.from(samples, ({ latencyMs }) => latencyMs),
    status: Uint16Array.from(samples, ({ status }) => status),
    hasRetryAfter: Uint8Array.from(samples, ({ hasRetryAfter }) => Number(hasRetryAfter)),
  };
}

process.on('message', (order: LoadOrder) => void run(order).then((samples) => process.send?.(samples)));
process.on('disconnect', () => process.exit());
