import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { WebSocketServer, type WebSocket } from 'ws';
import { createCertificateAuthority } from '../../../../apps/broker/test/support/certificate-authority.ts';

/** A host of the internet, as far as an SDK calls it. */
export interface Site {
  /** Responds to a request. Without it, the site responds 404. */
  readonly respond?: (request: IncomingMessage, response: ServerResponse) => void | Promise<void>;
  /** Serves a WebSocket. Without it, the site refuses the connection. */
  readonly serve?: (socket: WebSocket, request: IncomingMessage) => void;
  /** Chooses one of the subprotocols that the client offers. Default: the first. */
  readonly chooseProtocol?: (offered: ReadonlySet<string>) => string;
}

/** Starts a server that stands in for each host of the internet, by its name and over TLS. */
export async function startInternet() {
  await using authority = await createCertificateAuthority();
  const { certificate: cert, key } = await authority.issue('broker.example.com');
  const sites = new Map<string, Site>();
  const failures: unknown[] = [];
  const siteOf = ({ headers }: IncomingMessage) => sites.get((headers.host ?? '').replace(/:\d+$/, '')) ?? {};

  const fail = (connection: { destroy(): unknown }, work: () => Promise<void>) =>
    work().catch((error: unknown) => {
      failures.push(error);
      connection.destroy();
    });

  const server = createServer({ cert, key }, (request, response) => {
    const { respond } = siteOf(request);
    if (respond === undefined) return void response.writeHead(404).end();
    void fail(response, async () => respond(request, response));
  });
  server.on('upgrade', (request, socket, head) => {
    const { serve, chooseProtocol } = siteOf(request);
    if (serve === undefined) return void socket.end('HTTP/1.1 404 Not Found\r\n\r\n');
    const sockets = new WebSocketServer({
      noServer: true,
      ...(chooseProtocol !== undefined && { handleProtocols: chooseProtocol }),
    });
    sockets.handleUpgrade(request, socket, head, (accepted) => void fail(socket, async () => serve(accepted, request)));
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address() as AddressInfo;

  return {
    /** The arguments with which Chromium finds every host here. */
    browserArguments: [`--host-resolver-rules=MAP * 127.0.0.1:${port}`, '--ignore-certificate-errors'],
    /** Throws the first error of a site since the last call. */
    throwFailure: () => {
      const [failure] = failures.splice(0);
      if (failure !== undefined) throw failure;
    },
    open: (host: string, site: Site) => void sites.set(host, site),
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}

export type Internet = Awaited<ReturnType<typeof startInternet>>;
