import { connect } from 'node:net';

/** The bytes that a server sent, and how the socket ended: by an RST (`reset`), by a FIN (`end`) or by this side (`none`). */
export interface RawExchange {
  readonly received: string;
  readonly ending: 'reset' | 'end' | 'none';
}

/** Sends bytes to a server and reads until the server closes the socket, or until `enough` returns true. */
export function rawExchange(
  origin: string,
  bytes: string,
  enough: (received: string) => boolean = () => false,
): Promise<RawExchange> {
  const { hostname, port } = new URL(origin);
  return new Promise((resolve) => {
    let received = '';
    let ending: RawExchange['ending'] = 'none';
    const socket = connect({ host: hostname, port: Number(port) }, () => {
      socket.write(bytes, () => {
        if (enough('')) socket.destroy();
      });
    });
    socket.setEncoding('latin1');
    socket.on('data', (chunk: string) => {
      received += chunk;
      if (enough(received)) socket.destroy();
    });
    socket.on('end', () => {
      ending = 'end';
    });
    // The bytes that arrived before a reset are kept.
    socket.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ECONNRESET') ending = 'reset';
    });
    socket.on('close', () => resolve({ received, ending }));
  });
}

/** Returns only the bytes of {@link rawExchange}, for tests that do not depend on how the socket ends. */
export async function rawRequest(...parameters: Parameters<typeof rawExchange>): Promise<string> {
  return (await rawExchange(...parameters)).received;
}
