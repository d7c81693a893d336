import { once } from 'node:events';
import { createServer as createHttpServer } from 'node:http';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { request } from 'undici';
import { expect, test } from 'vitest';
import { openDoor } from '../door/door.ts';
import { createEgress } from './egress.ts';

const origin = 'https://api.example.com';
const vendor = { id: 'nabla', title: 'Nabla' };

async function listen(server: Server) {
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => sockets.add(socket.on('error', () => undefined)));
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return {
    proxy: `http://user:canary@127.0.0.1:${(server.address() as AddressInfo).port}`,
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

/** Starts a proxy that responds to `CONNECT` with a status. */
function startRefusingProxy(status: number) {
  const server = createHttpServer();
  server.on('connect', (_request, socket: Socket) =>
    socket.end(`HTTP/1.1 ${status} No\r\ncontent-length: 2\r\n\r\nno`),
  );
  return listen(server);
}

/** Returns the error of a call through a proxy. */
async function failureThrough(proxy: string): Promise<Record<'code' | 'reason' | 'message' | 'advice', string>> {
  const egress = createEgress({ proxy });
  const door = openDoor({ vendor, baseUrl: origin, timeoutMs: 60_000 }, { egress });
  const failure = (await door
    .begin()
    .send({ method: 'GET', path: '/' })
    .catch((error: unknown) => error)) as never;
  await door.close();
  await egress.close();
  expect(JSON.stringify(failure)).not.toContain('canary');
  return failure;
}

test.each([
  [407, /user name and the password of the proxy/],
  [403, /allows this host/],
  [301, /allows this host/],
  [204, /allows this host/],
  [502, /could not reach the host/],
  [504, /could not reach the host/],
])('a proxy that responds %i to CONNECT is named with its status and with advice that fits', async (status, advice) => {
  await using server = await startRefusingProxy(status);
  const failure = await failureThrough(server.proxy);
  expect(failure).toMatchObject({ code: 'vendor_unavailable', reason: 'PROXY_REFUSED' });
  expect(failure.advice).toMatch(advice);
  expect(failure.advice).toContain(`The proxy responded ${status}.`);
});

test.each<[string, (socket: Socket) => void]>([
  ['closes the connection', (socket) => socket.once('data', () => socket.end())],
  ['resets the connection', (socket) => socket.once('data', () => socket.resetAndDestroy())],
  ['speaks no HTTP', (socket) => socket.end('SSH-2.0-Server\r\n')],
])('a proxy that %s is named as unreachable, and not the vendor', async (_name, behave) => {
  await using server = await listen(createServer(behave));
  const failure = await failureThrough(server.proxy);
  expect(failure).toMatchObject({
    code: 'vendor_unavailable',
    reason: 'PROXY_UNREACHABLE',
    message: 'Nabla could not be reached, because the HTTP proxy could not be reached.',
  });
  expect(failure.advice).toContain('Check its scheme, host and port');
});

test('a proxy that does not run is named as unreachable, with the code of the system', async () => {
  const server = await listen(createServer());
  await server[Symbol.asyncDispose]();
  const failure = await failureThrough(server.proxy);
  expect(failure).toMatchObject({ code: 'vendor_unavailable', reason: 'PROXY_UNREACHABLE' });
  expect(failure.advice).toContain('(`egress.proxy`, or HTTPS_PROXY): ECONNREFUSED.');
});

test('a proxy that never responds to CONNECT holds a call up only for the time of the transport', async () => {
  await using server = await listen(createServer());
  const egress = createEgress({ proxy: server.proxy });
  const dispatcher = egress.createDispatcher(origin, { timeoutMs: 2_000 });
  await expect(request(origin, { dispatcher })).rejects.toMatchObject({ code: 'PROXY_UNREACHABLE' });
  await dispatcher.close();
  await egress.close();
});
