import { once } from 'node:events';
import { connect as connectTcp, type AddressInfo, type Socket } from 'node:net';
import { connect, type ConnectionOptions, type TLSSocket } from 'node:tls';
import { Agent, request } from 'undici';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createCertificateAuthority, hasOpenssl } from '../../test/support/certificate-authority.ts';
import { listenerTlsSchema } from '../config/listener-tls.ts';
import { createLogger } from '../telemetry/logger.ts';
import { replaceCertificate } from './listener-tls.ts';
import { createHttpServer } from './server.ts';

let authority: Awaited<ReturnType<typeof createCertificateAuthority>>;
beforeAll(async () => {
  if (hasOpenssl) authority = await createCertificateAuthority();
});
afterAll(() => authority?.[Symbol.asyncDispose]());

/** Starts a server with a certificate for `localhost`. The route `/held` begins its response and ends it when `release` is called. */
async function startServer() {
  const lines: Record<string, unknown>[] = [];
  const counted: unknown[] = [];
  const server = createHttpServer({
    logger: createLogger('debug', {
      write: (line) => void lines.push(JSON.parse(line) as Record<string, unknown>),
    }),
    lifecycle: { draining: false },
    countError: (error) => counted.push(error),
    tls: listenerTlsSchema.parse(await authority.issue('localhost')),
  });
  server.get('/', async () => ({ served: true }));
  const held = Promise.withResolvers<() => void>();
  server.get('/held', (_request, reply) => {
    reply.hijack();
    reply.raw.writeHead(200).write('first');
    held.resolve(() => reply.raw.end('last'));
  });
  const carriers: Socket[] = [];
  server.server.on('secureConnection', (socket: Socket) => carriers.push(socket));
  await server.listen({ host: '127.0.0.1', port: 0 });
  const { port } = server.server.address() as AddressInfo;
  const agent = new Agent({ connect: { ca: authority.ca, servername: 'localhost' } });
  return {
    port,
    lines,
    counted,
    server,
    /** The sockets that carry HTTP, in the order in which they were opened. */
    carriers,
    held: held.promise,
    get: (path = '/') => request(`https://127.0.0.1:${port}${path}`, { dispatcher: agent }),
    /** Opens a TLS connection. */
    open: async (options: ConnectionOptions = {}): Promise<TLSSocket> => {
      const socket = connect({ host: '127.0.0.1', port, ca: authority.ca, servername: 'localhost', ...options });
      await once(socket, 'secureConnect');
      return socket;
    },
    [Symbol.asyncDispose]: async () => {
      await agent.destroy();
      await server.close();
    },
  };
}

describe.skipIf(!hasOpenssl)('a listener with a certificate', () => {
  test('a listener with a certificate serves TLS 1.3 and 1.2, and refuses TLS 1.1', async () => {
    await using started = await startServer();
    const response = await started.get();
    expect([response.statusCode, await response.body.json()]).toEqual([200, { served: true }]);
    for (const version of ['TLSv1.3', 'TLSv1.2'] as const) {
      const socket = await started.open({ minVersion: version, maxVersion: version });
      expect(socket.getProtocol()).toBe(version);
      socket.destroy();
    }
    const old = { minVersion: 'TLSv1.1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' } as const;
    await expect(started.open(old)).rejects.toThrow(/alert protocol version/);
  });

  test('replaceCertificate gives the new certificate to each new connection, and leaves the open ones alone', async () => {
    await using started = await startServer();
    const before = await started.open();
    const serialOf = (socket: TLSSocket) => socket.getPeerCertificate().serialNumber;
    replaceCertificate(started.server, listenerTlsSchema.parse(await authority.issue('localhost')));
    const after = await started.open();
    expect(serialOf(after)).not.toBe(serialOf(before));
    before.write('GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n');
    const [chunk] = (await once(before, 'data')) as [Buffer];
    expect(chunk.toString()).toMatch(/^HTTP\/1\.1 200 /);
    before.destroy();
    after.destroy();
  });

  test('replaceCertificate throws a TypeError if the listener speaks plain HTTP', async () => {
    const tls = listenerTlsSchema.parse(await authority.issue('localhost'));
    const plain = createHttpServer({ logger: createLogger('silent'), lifecycle: { draining: false } });
    expect(() => replaceCertificate(plain, tls)).toThrow(TypeError);
    await plain.close();
  });

  test('a failed handshake is logged and closed, and does not count as a request', async () => {
    await using started = await startServer();
    const plain = connectTcp(started.port, '127.0.0.1');
    plain.write('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n');
    await once(plain.resume(), 'close');
    await expect
      .poll(() => started.lines.filter(({ msg }) => msg === 'TLS handshake failed'))
      .toMatchObject([{ reason: 'ERR_SSL_HTTP_REQUEST' }]);
    expect(started.counted).toEqual([]);
  });

  test('bytes inside TLS that are not HTTP get the same response as without TLS', async () => {
    await using started = await startServer();
    const socket = await started.open();
    socket.write('GARBAGE\r\n\r\n');
    const [chunk] = (await once(socket, 'data')) as [Buffer];
    expect(chunk.toString()).toMatch(/^HTTP\/1\.1 400 [^]*"code":"invalid_request"/);
    socket.destroy();
  });

  test('a closing listener delivers a running response whole, and closes idle connections and unfinished handshakes', async () => {
    const started = await startServer();
    const idle = await started.open();
    const handshaking = connectTcp(started.port, '127.0.0.1');
    await once(handshaking, 'connect');
    const response = await started.get('/held');
    const release = await started.held;
    const closed = started.server.close();
    await Promise.all([once(idle.resume(), 'close'), once(handshaking.resume(), 'close')]);
    release();
    expect(await response.body.text()).toBe('firstlast');
    await closed;
    await started[Symbol.asyncDispose]();
  });

  test('a response that is cut off after its head ends with a reset of the TCP connection', async () => {
    await using started = await startServer();
    const socket = await started.open();
    const failed = once(socket, 'error') as Promise<[NodeJS.ErrnoException]>;
    // HTTP/1.0 knows the end of this body only by the end of the connection.
    socket.write('GET /held HTTP/1.0\r\nHost: localhost\r\n\r\n');
    await once(socket, 'data');
    started.server.server.emit('timeout', started.carriers[0]);
    const [{ code }] = await failed;
    expect(code).toBe('ECONNRESET');
  });
});
