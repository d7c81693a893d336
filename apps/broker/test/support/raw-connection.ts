import { connect } from 'node:net';

/** The text that has arrived over one TCP connection. */
export interface RawResponse {
  /** Every byte, as one Latin-1 character. */
  readonly text: string;
  /** The status of each response, in order. */
  readonly statuses: readonly number[];
  /** Whether the server closed the TCP connection. */
  readonly closed: boolean;
}

/** A TCP connection over which a test sends bytes unchanged, without an HTTP client that would correct them. */
export interface RawConnection {
  /** Resolves once the system has accepted the bytes, or the TCP connection is closed. */
  readonly write: (bytes: string | Buffer) => Promise<void>;
  /** Resolves once `isComplete` returns true for the text that has arrived, or the server closes the TCP connection. */
  readonly read: (isComplete?: (text: string) => boolean) => Promise<RawResponse>;
  readonly destroy: () => void;
}

/** Opens a TCP connection to the host and port of a URL. */
export function openRawConnection(origin: string): RawConnection {
  const { hostname, port } = new URL(origin);
  const socket = connect({ host: hostname, port: Number(port) });
  let text = '';
  let closed = false;
  const listeners = new Set<() => void>();
  const notify = () => {
    for (const listener of listeners) listener();
  };
  socket.on('data', (chunk) => {
    text += chunk.toString('latin1');
    notify();
  });
  socket.on('error', () => undefined);
  socket.on('close', () => {
    closed = true;
    notify();
  });

  const until = (isOver: () => boolean) =>
    new Promise<void>((resolve) => {
      const check = () => {
        if (!closed && !isOver()) return;
        listeners.delete(check);
        resolve();
      };
      listeners.add(check);
      check();
    });

  return {
    write: async (bytes) => {
      if (socket.destroyed || !socket.writable || socket.write(bytes)) return;
      let drained = false;
      socket.once('drain', () => {
        drained = true;
        notify();
      });
      await until(() => drained);
    },
    read: async (isComplete = () => false) => {
      await until(() => isComplete(text));
      const statuses = [...text.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map(([, status]) => Number(status));
      return { text, statuses, closed };
    },
    destroy: () => socket.destroy(),
  };
}

/**
 * Sends bytes over a new TCP connection, one piece after the other. Returns the response once `isComplete` returns true for
 * its text, or the server closes the TCP connection.
 */
export async function sendBytes(
  origin: string,
  pieces: Iterable<string | Buffer> | AsyncIterable<string | Buffer>,
  isComplete?: (text: string) => boolean,
): Promise<RawResponse> {
  const connection = openRawConnection(origin);
  let isOver = false;
  const writeAll = async () => {
    for await (const piece of pieces) {
      if (isOver) return;
      await connection.write(piece);
    }
  };
  const writing = writeAll();
  const response = await connection.read(isComplete);
  isOver = true;
  connection.destroy();
  await writing;
  return response;
}
