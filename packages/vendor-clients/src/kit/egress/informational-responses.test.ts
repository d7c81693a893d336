import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { setImmediate } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { openDoor } from '../door/door.ts';
import { createEgress } from './egress.ts';

const vendor = { id: 'nabla', title: 'Nabla' };
/** The text is part of the body, so that no filter may change it. */
const body = 'HTTP/1.1 100 x';
const ok = `HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
const switching = 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n';

/** Starts a server that sends these pieces of a response to each request, each in a turn of its own. */
async function startServer(pieces: readonly string[]) {
  let connections = 0;
  const server = createServer((socket) => {
    connections += 1;
    socket.setNoDelay(true).on('error', () => undefined);
    socket.on('data', async () => {
      for (const piece of pieces) {
        socket.write(piece);
        await setImmediate();
      }
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const door = openDoor({ vendor, baseUrl: url, timeoutMs: 60_000 });
  return {
    url,
    connections: () => connections,
    read: async () => (await door.begin().send({ method: 'GET', path: '/x' })).body.toString(),
    readStream: async () => {
      const response = await door.begin().stream({ method: 'POST', path: '/x', maxResponseBytes: 99 });
      return (await buffer(response.body)).toString();
    },
    [Symbol.asyncDispose]: async () => {
      await door.close();
      server.close();
    },
  };
}

test.each<[string, readonly string[]]>([
  ['100', ['HTTP/1.1 100 Continue\r\n\r\n', ok]],
  ['100 in one piece with the response', [`HTTP/1.1 100 Continue\r\n\r\n${ok}`]],
  ['100 twice', [`HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 100 \r\nA: HTTP/1.1 100 x\r\n\r\n${ok}`]],
  ['100 in pieces of one byte', [...`HTTP/1.1 100 Continue\r\n\r\n${ok}`]],
  ['102', ['HTTP/1.1 102 Processing\r\n\r\n', ok]],
  ['103 and 100', ['HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n', ok]],
])('the unexpected informational response %s is ignored, and the TCP connection is used again', async (_, pieces) => {
  await using server = await startServer(pieces);
  for (let count = 0; count < 2; count += 1) {
    expect(await server.read()).toBe(body);
    await setImmediate();
    expect(await server.readStream()).toBe(body);
    await setImmediate();
  }
  expect(server.connections()).toBe(1);
});

test('the fetch of an egress ignores an unexpected 100', async () => {
  await using server = await startServer(['HTTP/1.1 100 Continue\r\n\r\n', ok]);
  const egress = createEgress({ proxy: false });
  expect(await (await egress.fetch(server.url)).text()).toBe(body);
  await egress.close();
});

test.each([
  ['with an upgrade', switching],
  ['without an upgrade', 'HTTP/1.1 101 Switching Protocols\r\n\r\n'],
  ['after a 100', `HTTP/1.1 100 Continue\r\n\r\n${switching}`],
])('a 101 %s that no request asked for is an invalid response', async (_, head) => {
  await using server = await startServer([`${head}${ok}`]);
  const invalid = { code: 'vendor_response_invalid', reason: 'HTTP_PARSER' };
  await expect(server.read()).rejects.toMatchObject(invalid);
  await expect(server.readStream()).rejects.toMatchObject(invalid);
});
