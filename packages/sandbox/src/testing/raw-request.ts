import { connect } from 'node:net';

/** What a server sent, and how the connection ended: `reset` by an RST, `end` by a FIN, `none` by this side. */
export interface RawAnswer {
  readonly received: string;
  readonly ending: 'reset' | 'end' | 'none';
}

/** Sends bytes to a server and reads until it closes the connection, or until `enough` returns true. */
export function rawExchange(
  origin: string,
  bytes: string,
  enough: (received: string) => boolean = () => false,
): Promise<RawAnswer> {
  const { hostname, port } = new URL(origin);
  return new Promise((resolve) => {
    let received = '';
    let ending: RawAnswer['ending'] = 'none';
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
    // A reset also ends the connection; the bytes before it are kept.
    socket.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ECONNRESET') ending = 'reset';
    });
    socket.on('close', () => resolve({ received, ending }));
  });
}

/** Returns only the bytes of {@link rawExchange}, for tests that do not depend on how the connection ends. */
export async function rawRequest(...parameters: Parameters<typeof rawExchange>): Promise<string> {
  return (await rawExchange(...parameters)).received;
}
