import { once } from 'node:events';
import { createServer as createHttpServer } from 'node:http';
import { connect, type AddressInfo, type Server, type Socket } from 'node:net';
import { networkInterfaces } from 'node:os';
import { createServer as createTlsServer, type SecureVersion } from 'node:tls';
import type { IssuedCertificate } from './certificate-authority.ts';

/** A private address of this machine, if it has one. */
export const privateAddress = Object.values(networkInterfaces())
  .flatMap((addresses = []) => addresses.filter(({ internal }) => !internal).map(({ address }) => address))
  .find((address) => /^(10\.|192\.168\.|172\.(1[6-9]|2\d|3[01])\.|f[cd])/.test(address));

/** Joins two sockets. Either of them ends the other. */
function join(one: Socket, other: Socket): void {
  one.on('error', () => other.destroy()).on('close', () => other.destroy());
  other.on('error', () => one.destroy()).on('close', () => one.destroy());
  one.pipe(other).pipe(one);
}

async function listen(server: Server, host = '127.0.0.1') {
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    sockets.add(socket.once('close', () => sockets.delete(socket)));
  });
  await once(server.listen(0, host), 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

interface TlsFrontOptions extends IssuedCertificate {
  /** The port of the HTTP server behind. */
  readonly upstreamPort: number;
  /** The authority of client certificates. Absent: none is requested. */
  readonly clientCa?: string;
  readonly host?: string;
  /** Default: the newest version of this Node. */
  readonly maxVersion?: SecureVersion;
}

/** Starts a TLS server that passes everything on to an HTTP server of this machine, and records the names of the clients. */
export async function startTlsFront(options: TlsFrontOptions) {
  const { certificate, key, upstreamPort, clientCa, host, maxVersion } = options;
  const clients: (string | undefined)[] = [];
  const server = createTlsServer(
    {
      cert: certificate,
      key,
      ...(maxVersion !== undefined && { minVersion: 'TLSv1', maxVersion, ciphers: 'DEFAULT@SECLEVEL=0' }),
      ...(clientCa !== undefined && { ca: clientCa, requestCert: true, rejectUnauthorized: true }),
    },
    (socket) => {
      clients.push([socket.getPeerCertificate().subject?.CN].flat()[0]);
      join(socket, connect(upstreamPort, '127.0.0.1'));
    },
  );
  server.on('tlsClientError', () => undefined);
  return { ...(await listen(server, host)), clients };
}

/** Starts an HTTP proxy that knows only `CONNECT`, and connects each host name to a port of this machine. */
export async function startConnectProxy(ports: Readonly<Record<string, number>>, credentials?: string) {
  const tunnels: string[] = [];
  const wanted = credentials === undefined ? undefined : `Basic ${Buffer.from(credentials).toString('base64')}`;
  const server = createHttpServer((_request, response) => response.writeHead(405).end());
  server.on('connect', ({ url = '', headers }, socket: Socket) => {
    tunnels.push(url);
    const port = ports[url];
    const isKnown = wanted === undefined || headers['proxy-authorization'] === wanted;
    if (!isKnown || port === undefined) {
      socket.end(`HTTP/1.1 ${isKnown ? '403 Forbidden' : '407 Proxy Authentication Required'}\r\n\r\n`);
      return;
    }
    const upstream = connect(port, '127.0.0.1', () => {
      socket.write('HTTP/1.1 200 Connection Established\r\n\r\n');
      join(socket, upstream);
    });
  });
  return { ...(await listen(server)), tunnels };
}
