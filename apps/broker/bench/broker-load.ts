// The load generator, a process of its own. It writes whole requests to plain sockets, because libraries cost more processor
// time for each request than a bare server: undici's client uses 54 µs where fastify uses 39 µs, so that it would be the
// bottleneck. autocannon builds the requests of all tokens again for each connection. wrk sends at no fixed rate. Each line of
// output has the shares of the cores that the server and the load generator used.
import { connect, type Socket } from 'node:net';

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

/** One TCP connection, which carries one request at a time. It reads of a response what the measurement needs. */
function openConnection(url: URL, onFree: (connection: Connection) => void): Connection {
  let respond: Respond | undefined;
  let text = '';
  let socket: Socket | undefined;
  const end = (status: number, hasRetryAfter: boolean): void => {
    const current = respond;
    [respond, text] = [undefined, ''];
    // A request that a failed connection carried is not followed by the next one at once.
    if (current === undefined) return;
    onFree(connection);
    current(status, hasRetryAfter);
  };
  const fail = (): void => {
    socket?.destroy();
    socket = undefined;
    end(0, false);
  };
  const read = (chunk: Buffer): void => {
    text = text === '' ? chunk.toString('latin1') : text + chunk.toString('latin1');
    const headEnd = text.indexOf('\r\n\r\n');
    if (headEnd === -1) return;
    const bodyLength = Number(/\r\ncontent-length: (\d+)/i.exec(text)?.[1] ?? 0);
    if (text.length < headEnd + 4 + bodyLength) return;
    const status = Number(text.slice(9, 12));
    end(status, status === 503 && /\r\nretry-after: \d/i.test(text));
  };
  const connection: Connection = {
    send(request, onResponse) {
      respond = onResponse;
      if (socket === undefined) {
        const opened = connect(Number(url.port), url.hostname).setNoDelay(true).on('data', read);
        socket = opened;
        opened.on('error', () => undefined).on('close', () => socket === opened && fail());
      }
      socket.write(request);
    },
    close: () => socket?.destroy(),
  };
  return connection;
}

interface Connection {
  readonly send: (request: Buffer, respond: Respond) => void;
  readonly close: () => void;
}

/** Returns a function that sends a request on a free connection, or as soon as one is free. */
function openConnections(url: string, connections: number) {
  const address = new URL(url);
  const all: Connection[] = [];
  const free: Connection[] = [];
  const waiting: ((connection: Connection) => void)[] = [];
  const release = (connection: Connection): void => {
    const next = waiting.shift();
    if (next === undefined) free.push(connection);
    else next(connection);
  };
  return {
    send(request: Buffer, respond: Respond): void {
      let connection = free.pop();
      if (connection === undefined && all.length < connections) {
        connection = openConnection(address, release);
        all.push(connection);
      }
      if (connection === undefined) waiting.push((next) => next.send(request, respond));
      else connection.send(request, respond);
    },
    close(): void {
      for (const connection of all) connection.close();
    },
  };
}

async function run({ url, method, path, tokens, connections, phases }: LoadOrder): Promise<LoadSamples> {
  const pool = openConnections(url, connections);
  const { host } = new URL(url);
  const length = method === 'POST' ? 'content-length: 0\r\n' : '';
  const requests = tokens.map((token) =>
    Buffer.from(`${method} ${path} HTTP/1.1\r\nhost: ${host}\r\nauthorization: Bearer ${token}\r\n${length}\r\n`),
  );
  const samples: Sample[] = [];
  let sent = 0;
  const startedAt = performance.now();
  const usedBefore = process.cpuUsage();
  const elapsedMs = (): number => performance.now() - startedAt;

  const send = (dueMs: number, onEnd: () => void): void => {
    const request = requests[sent % requests.length] ?? Buffer.alloc(0);
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
  pool.close();
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
