import { connect, type AddressInfo, type Socket } from 'node:net';
import { Readable } from 'node:stream';
import { expect, test } from 'vitest';
import { openRawConnection, sendBytes } from '../../test/support/raw-connection.ts';
import { createLogger } from '../telemetry/logger.ts';
import { addRoute, createHttpServer, type HttpServerOptions } from './server.ts';

/** Starts a server whose route `/` responds with the body that it received. */
async function startServer(options: Partial<HttpServerOptions> = {}) {
  const server = createHttpServer({ logger: createLogger('silent'), lifecycle: { draining: false }, ...options });
  const handler = async ({ body }: { readonly body: unknown }) => ({ body: body ?? 'none' });
  addRoute(server, '/', { GET: handler, POST: handler, DELETE: handler });
  return server;
}

async function listen(server: Awaited<ReturnType<typeof startServer>>) {
  await server.listen({ host: '127.0.0.1', port: 0 });
  const { port } = server.server.address() as AddressInfo;
  return { port, url: `http://127.0.0.1:${port}`, [Symbol.asyncDispose]: () => server.close() };
}

const mediaTypes = [
  'application/x-www-form-urlencoded',
  'text/plain;charset=UTF-8',
  'application/json',
  'multipart/form-data; boundary=x',
  'application/octet-stream',
  'no media type',
  '',
];

test.each(mediaTypes)('a request without a body is served whatever its media type (%j)', async (type) => {
  await using server = await listen(await startServer());
  const head = `Host: localhost\r\nContent-Type: ${type}\r\nConnection: close\r\n`;
  for (const [method, framing] of [
    ['POST', 'Content-Length: 0\r\n\r\n'],
    ['POST', '\r\n'],
    ['DELETE', 'Content-Length: 0\r\n\r\n'],
    ['DELETE', '\r\n'],
  ]) {
    const { statuses } = await sendBytes(server.url, [`${method} / HTTP/1.1\r\n${head}${framing}`]);
    expect(statuses).toEqual([200]);
  }
});

test.each(mediaTypes.slice(0, 5))(
  'a chunked body without a byte is served whatever its media type (%s)',
  async (type) => {
    await using server = await listen(await startServer());
    const head = `POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: ${type}\r\nConnection: close\r\n`;
    const chunked = 'Transfer-Encoding: chunked\r\n\r\n';
    expect((await sendBytes(server.url, [`${head}${chunked}0\r\n\r\n`])).statuses).toEqual([200]);
    const { statuses } = await sendBytes(server.url, [`${head}${chunked}2\r\n{}\r\n0\r\n\r\n`]);
    expect(statuses).toEqual([type === 'application/json' ? 200 : 415]);
  },
);

test.each([
  ['localhost', 200],
  ['LOCALHOST:8788', 200],
  ['localhost.', 200],
  ['broker.localhost:1', 200],
  ['127.0.0.1', 200],
  ['127.8.8.8:80', 200],
  ['[::1]:8788', 200],
  ['admin.example.com', 200],
  ['Admin.Example.com:8788', 200],
  ['evil.example', 403],
  ['evil.example:8788', 403],
  ['localhost.evil.example', 403],
  ['127.0.0.1.evil.example', 403],
  ['evillocalhost', 403],
  ['admin.example.com.evil.example', 403],
  ['203.0.113.9', 403],
  ['[fe80::1]', 403],
  ['localhost@evil.example', 403],
  ['', 403],
])('a listener with host names responds to the host %j with %i', async (host, expected) => {
  const server = await startServer({ hostNames: ['admin.example.com'] });
  await using listening = await listen(server);
  const request = `GET / HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`;
  const { statuses, text } = await sendBytes(listening.url, [request]);
  expect(statuses).toEqual([expected]);
  expect(text.includes('"detail":"This listener does not serve the host name')).toBe(expected === 403);
});

test('a listener without host names serves every host', async () => {
  await using server = await listen(await startServer());
  const { statuses } = await sendBytes(server.url, [
    'GET / HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n',
  ]);
  expect(statuses).toEqual([200]);
});

/** Returns how the TCP connection of an HTTP/1.0 client ends: `ended` as after a whole body, or with an error code. */
function endOfConnection(port: number): { readonly end: Promise<string>; readonly begun: Promise<void> } {
  const begun = Promise.withResolvers<void>();
  const end = new Promise<string>((resolve) => {
    const socket = connect(port, '127.0.0.1', () => socket.write('GET /endless HTTP/1.0\r\nHost: localhost\r\n\r\n'));
    socket.on('data', () => begun.resolve());
    socket.on('error', ({ code = '' }: NodeJS.ErrnoException) => resolve(code));
    socket.on('end', () => resolve('ended'));
  });
  return { end, begun: begun.promise };
}

test('a body whose end is the end of the TCP connection ends with a reset after a timeout', async () => {
  const server = await startServer();
  const { promise: socket, resolve } = Promise.withResolvers<Socket>();
  server.get('/endless', ({ raw }, reply) => {
    const body = new Readable({ read: () => undefined });
    body.push('half');
    void reply.send(body);
    resolve(raw.socket);
  });
  await using listening = await listen(server);
  const { end, begun } = endOfConnection(listening.port);
  await begun;
  server.server.emit('timeout', await socket);
  expect(await end).toBe('ECONNRESET');
});

test('after a refusal, the rest of a body is read up to a bound, and no request in it is served', async () => {
  await using server = await listen(await startServer());
  const long = `POST / HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 9000000\r\n\r\n`;
  const connection = openRawConnection(server.url);
  await connection.write(long);
  await connection.read((text) => text.includes('payload_too_large'));
  for (let count = 0; count < 9; count += 1) await connection.write('x'.repeat(1_000_000));
  await connection.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
  expect(await connection.read()).toMatchObject({ statuses: [413], closed: true });
});

test.each(['100-continue', 'unknown'])('a request that expects %s is served', async (expectation) => {
  await using server = await listen(await startServer());
  const head = `GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nExpect: ${expectation}\r\n\r\n`;
  const { text } = await sendBytes(server.url, [head]);
  expect(text).toMatch(/HTTP\/1\.1 200 OK\r\n[^]*x-request-id: /);
});
