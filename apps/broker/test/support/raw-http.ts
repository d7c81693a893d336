import { connect } from 'node:net';
import { setTimeout } from 'node:timers/promises';

/** What came back over one connection. */
export interface RawAnswer {
  /** All of it, byte for byte. */
  readonly text: string;
  /** The status of each answer, in order. */
  readonly statuses: readonly number[];
  /** Whether the server ended the connection. */
  readonly closed: boolean;
  readonly elapsedMs: number;
}

/** How {@link sendBytes} goes about it. */
export interface SendOptions {
  /** Milliseconds after which it looks no longer. Default: 2000. */
  readonly patienceMs?: number | undefined;
  /** It has seen enough, though the connection is open. Default: the server closed it. */
  readonly until?: ((answer: string) => boolean) | undefined;
}

/** Writes bytes to a server as they are, one piece after the other, and reads what it says to them. */
export async function sendBytes(
  origin: string,
  pieces: Iterable<string | Buffer> | AsyncIterable<string | Buffer>,
  { patienceMs = 2_000, until = () => false }: SendOptions = {},
): Promise<RawAnswer> {
  const { hostname, port } = new URL(origin);
  const socket = connect({ host: hostname, port: Number(port) });
  const startedAt = performance.now();
  let text = '';
  let closed = false;
  const { promise: over, resolve: end } = Promise.withResolvers<void>();
  socket.on('data', (chunk) => {
    text += chunk.toString('latin1');
    if (until(text)) end();
  });
  socket.on('error', () => undefined);
  socket.on('close', () => {
    closed = true;
    end();
  });
  const write = async () => {
    for await (const piece of pieces) {
      if (socket.destroyed || !socket.writable) return;
      if (!socket.write(piece)) {
        await Promise.race([new Promise((resolve) => socket.once('drain', resolve)), over]);
      }
    }
  };
  const writing = write();
  const patience = new AbortController();
  await Promise.race([over, setTimeout(patienceMs, undefined, { signal: patience.signal })]);
  patience.abort();
  socket.destroy();
  end();
  await writing.catch(() => undefined);
  const statuses = [...text.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map(([, status]) => Number(status));
  return { text, statuses, closed, elapsedMs: performance.now() - startedAt };
}
