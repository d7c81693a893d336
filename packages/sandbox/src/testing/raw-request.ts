import { connect } from 'node:net';

/** Writes bytes to a server and reads all that comes back until it hangs up, or until `enough` has been received. */
export const rawRequest = (
  origin: string,
  bytes: string,
  enough: (received: string) => boolean = () => false,
): Promise<string> => {
  const { hostname, port } = new URL(origin);
  return new Promise((resolve) => {
    let received = '';
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
    // A reset is an end too; what came before it is what counts.
    socket.on('error', () => undefined);
    socket.on('close', () => resolve(received));
  });
};
