import type { IncomingMessage } from 'node:http';
import { connect, type AddressInfo } from 'node:net';
import { once } from 'node:events';
import type { ValetKeyError } from '@valetkey/core-types';
import { expect, test } from 'vitest';
import { sendBytes } from '../../test/support/raw-connection.ts';
import { createLogger } from '../telemetry/logger.ts';
import type { Admission } from './admission.ts';
import { fetchFrom } from './fetch.ts';
import { addRoute, createHttpServer, switchRoutes } from './server.ts';

const appOrigin = 'https://app.example.com';

/** Starts a server whose admission lets the test decide about each request. */
async function startServer({ draining = false }: { readonly draining?: boolean } = {}) {
  const waiting: Parameters<Admission['wait']>[0][] = [];
  const counted: ValetKeyError[] = [];
  let onWait = (): void => undefined;
  const admission: Admission = {
    startsLeft: 0,
    wait: (start) => {
      waiting.push(start);
      onWait();
    },
  };
  const server = createHttpServer({
    logger: createLogger('silent'),
    lifecycle: { draining },
    countError: (error) => counted.push(error),
    origins: [appOrigin],
    admission: { admission, isExempt: ({ url }: IncomingMessage) => url === '/exempt' },
  });
  let served = 0;
  const handler = async () => ({ served: (served += 1) });
  addRoute(server, '/', { GET: handler, HEAD: handler, POST: handler });
  addRoute(server, '/exempt', { GET: handler });
  await server.listen({ host: '127.0.0.1', port: 0 });
  const { port } = server.server.address() as AddressInfo;
  return {
    server,
    port,
    url: `http://127.0.0.1:${port}`,
    counted,
    /** Calls the server without a socket. */
    embedded: () => fetchFrom(server.server, new Request('http://localhost/'), {}),
    served: () => served,
    /** Decides about each request as soon as it waits. */
    decide: (isRefused: boolean) => {
      onWait = () => waiting.splice(0).forEach((start) => start(isRefused));
    },
    nextWaiting: () =>
      new Promise<(isRefused: boolean) => void>((resolve) => {
        onWait = () => waiting.splice(0).forEach(resolve);
      }),
    [Symbol.asyncDispose]: () => server.close(),
  };
}

test('a refused request receives 503 with `Retry-After` and the headers and fields of every problem, and reaches no route', async () => {
  await using server = await startServer();
  server.decide(true);
  const response = await fetch(server.url);
  expect(response.status).toBe(503);
  expect(Object.fromEntries(response.headers)).toMatchObject({
    'retry-after': '1',
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    'content-type': 'application/problem+json',
    'valet-key': 'broker',
  });
  const problem = (await response.json()) as Record<string, unknown>;
  expect(problem).toMatchObject({ code: 'overloaded', status: 503, type: '/docs/errors#overloaded' });
  expect(problem['request_id']).toBe(response.headers.get('x-request-id'));
  expect(server.counted).toMatchObject([{ code: 'overloaded', reason: 'saturated' }]);
  expect(server.served()).toBe(0);
});

test('a web page of an allowed origin can read the refusal, and one of another origin cannot', async () => {
  await using server = await startServer();
  server.decide(true);
  const allowed = await fetch(server.url, { headers: { origin: appOrigin } });
  expect(allowed.headers.get('access-control-allow-origin')).toBe(appOrigin);
  expect(allowed.headers.get('access-control-expose-headers')).toContain('retry-after');
  const other = await fetch(server.url, { headers: { origin: 'https://evil.example.com' } });
  expect(other.headers.get('access-control-allow-origin')).toBeNull();
  expect([allowed.headers.get('vary'), other.headers.get('vary')]).toEqual(['Origin', 'Origin']);
});

test('after the routes are switched, a refusal can be read by the web pages of the new origins alone', async () => {
  await using server = await startServer();
  server.decide(true);
  const newOrigin = 'https://new.example.com';
  const next = createHttpServer({
    logger: createLogger('silent'),
    lifecycle: { draining: false },
    countError: (error) => server.counted.push(error),
    origins: [newOrigin],
  });
  await next.ready();
  await switchRoutes(server.server, next);
  const allowedOrigin = async (origin: string) =>
    (await fetch(server.url, { headers: { origin } })).headers.get('access-control-allow-origin');
  expect([await allowedOrigin(newOrigin), await allowedOrigin(appOrigin)]).toEqual([newOrigin, null]);
  expect(server.counted.map(({ reason }) => reason)).toEqual(['saturated', 'saturated']);
  await next.close();
});

test('a request that waits is served in its turn, on the same connection as one that was refused', async () => {
  await using server = await startServer();
  server.decide(true);
  const socket = connect(server.port, '127.0.0.1');
  socket.setEncoding('utf8');
  const send = async (request: string): Promise<string> => {
    socket.write(request);
    const [text] = (await once(socket, 'data')) as [string];
    return text;
  };
  const body = 'POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}';
  expect(await send(body)).toMatch(/^HTTP\/1\.1 503 /);
  server.decide(false);
  expect(await send(body)).toMatch(/^HTTP\/1\.1 200 /);
  server.decide(true);
  expect(await send('HEAD / HTTP/1.1\r\nHost: localhost\r\n\r\n'), 'no body follows the head').toMatch(/\r\n\r\n$/);
  socket.destroy();
});

test('the connection of a refused request closes while the broker drains, and after a long body that nobody reads', async () => {
  await using draining = await startServer({ draining: true });
  draining.decide(true);
  expect((await fetch(draining.url)).headers.get('connection')).toBe('close');
  await using server = await startServer();
  server.decide(true);
  const head = 'POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n';
  const { statuses } = await sendBytes(server.url, [`${head}Content-Length: 100000\r\n\r\n${'x'.repeat(100_000)}`]);
  expect(statuses).toEqual([503]);
});

test('an exempt request starts at once', async () => {
  await using server = await startServer();
  const response = await fetch(`${server.url}/exempt`);
  expect(response.status).toBe(200);
});

test('a request whose client has gone is neither served nor refused', async () => {
  await using server = await startServer();
  const arrived = server.nextWaiting();
  const socket = connect(server.port, '127.0.0.1');
  socket.write('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n');
  const start = await arrived;
  const gone = new Promise<void>((resolve) => {
    // The server's side of the connection is closed when a new request on another connection is served after it.
    socket.once('close', () => resolve());
  });
  socket.resetAndDestroy();
  await gone;
  await fetch(`${server.url}/exempt`);
  await expect.poll(() => server.served(), { timeout: 60_000 }).toBe(1);
  start(false);
  start(true);
  expect(server.served()).toBe(1);
  expect(server.counted).toEqual([]);
});

test('a request within the process waits for its turn and is refused as well', async () => {
  await using server = await startServer();
  server.decide(true);
  const refused = await server.embedded();
  expect([refused.status, await refused.json()]).toMatchObject([503, { code: 'overloaded' }]);
  expect(server.served()).toBe(0);
  server.decide(false);
  expect(await (await server.embedded()).json()).toEqual({ served: 1 });
});
