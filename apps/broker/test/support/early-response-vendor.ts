import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

/** Starts a vendor that responds before it has read the body of the request, and never reads it. */
export async function startEarlyResponseVendor(kind: 'reset' | 'status' | 'redirect') {
  const server = createServer((_request, response) => {
    if (kind === 'reset') response.socket?.resetAndDestroy();
    else if (kind === 'redirect') response.writeHead(307, { location: 'http://127.0.0.1:9/' }).end();
    else response.writeHead(409, { 'content-type': 'application/json' }).end('{"error":{"code":"Conflict"}}');
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
