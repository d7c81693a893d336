import { connect } from 'node:net';

/** What came back, and how the other side let go: `reset` is an RST, `end` a FIN, `none` that we hung up ourselves. */
export interface RawAnswer {
  readonly received: string;
  readonly ending: 'reset' | 'end' | 'none';
}

/** Writes bytes to a server and reads all that comes back until it hangs up, or until `enough` has been received. */
export const rawExchange = (
  origin: string,
  bytes: string,
  enough: (received: string) => boolean = () => false,
): Promise<RawAnswer> => {
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
    // A reset is an end too; what came before it is what counts.
    socket.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ECONNRESET') ending = 'reset';
    });
    socket.on('close', () => resolve({ received, ending }));
  });
};

/** The same, where it does not matter how it ends. */
export const rawRequest = async (...parameters: Parameters<typeof rawExchange>): Promise<string> =>
  (await rawExchange(...parameters)).received;
