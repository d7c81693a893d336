import { once } from 'node:events';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import type { VendorEvent } from '@valetkey/core-types';
import { buffer } from 'node:stream/consumers';
import { setImmediate } from 'node:timers/promises';
import { afterEach, expect, test, vi } from 'vitest';
import { openDoor } from '../door/door.ts';

const vendor = { id: 'nabla', title: 'Nabla' };
const repeatable = { method: 'GET', path: '/x', repeatable: true };
const ok = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';

afterEach(() => {
  vi.useRealTimers();
});

/** Returns what the server does with a request: `index` counts the requests of one connection. */
type Behavior = (socket: Socket, index: number, connection: number) => void;

/** Starts a server whose connections break as the test says. */
async function startBreakingServer(behave: Behavior) {
  let connections = 0;
  const server = createServer((socket) => {
    const connection = connections++;
    let index = 0;
    socket.on('error', () => undefined).on('data', () => behave(socket, index++, connection));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    connections: () => connections,
    [Symbol.asyncDispose]: async () => {
      server.close();
    },
  };
}

/** The server, or a firewall before it, forgets every connection after its first response. */
const forgetful: Behavior = (socket, index) => void (index === 0 ? socket.write(ok) : socket.resetAndDestroy());

function openTo(baseUrl: string) {
  const events: VendorEvent[] = [];
  const door = openDoor({ vendor, baseUrl, timeoutMs: 60_000 }, { onEvent: (event) => events.push(event) });
  return { door, events };
}

test('a repeatable call over a dropped idle connection is sent once more at once', async () => {
  await using server = await startBreakingServer(forgetful);
  const { door, events } = openTo(server.url);
  for (let count = 0; count < 30; count += 1) {
    expect((await door.begin().send(repeatable)).status).toBe(200);
    // The connection becomes idle after the response.
    await setImmediate();
  }
  expect(events).toEqual(
    Array.from({ length: 29 }, () => ({ type: 'retried', vendor: 'nabla', reason: 'CONNECTION_DROPPED' })),
  );
  expect(server.connections()).toBe(30);
  await door.close();
});

test('a repeatable streamed call over a dropped idle connection is sent once more', async () => {
  await using server = await startBreakingServer(forgetful);
  const { door } = openTo(server.url);
  for (let count = 0; count < 3; count += 1) {
    const { body } = await door.begin().stream({ ...repeatable, maxResponseBytes: 10 });
    expect((await buffer(body)).toString()).toBe('ok');
  }
  await door.close();
});

const breaks: readonly [string, Behavior, string][] = [
  ['an idle connection is reset', forgetful, 'CONNECTION_DROPPED'],
  [
    'an idle connection is closed',
    (socket, index) => void (index === 0 ? socket.write(ok) : socket.end()),
    'CONNECTION_DROPPED',
  ],
  [
    'a connection breaks within the response',
    (socket, index) =>
      void (index === 0
        ? socket.write(ok)
        : socket.write('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nbegun', () => socket.resetAndDestroy())),
    'ECONNRESET',
  ],
  [
    'a new connection is reset',
    (socket, _index, connection) =>
      void (connection === 0 ? socket.end(ok.replace('OK', 'OK\r\nConnection: close')) : socket.resetAndDestroy()),
    'ECONNRESET',
  ],
];

test.each(breaks)('the second call fails when %s, with the reason that fits', async (_name, behave, reason) => {
  await using server = await startBreakingServer(behave);
  const { door } = openTo(server.url);
  const once = { ...repeatable, repeatable: false };
  await door.begin().send(once);
  await setImmediate();
  await expect(door.begin().send(once)).rejects.toMatchObject({ code: 'vendor_unavailable', reason });
  await door.close();
});

test.each(['send', 'stream'] as const)(
  'timeouts of %s on idle connections whose packets are lost do not open the circuit, and those on new ones do',
  async (kind) => {
    // The circuit considers the latest 50 calls.
    const count = 60;
    const sent: unknown[] = [];
    const warm: Socket[] = [];
    await using server = await startBreakingServer((socket, index, connection) => {
      sent.push(index);
      if (index > 0 || connection >= count) return;
      // No connection is used for a second call before each call has its own.
      warm.push(socket);
      if (warm.length === count) for (const each of warm) each.write(ok);
    });
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const { door, events } = openTo(server.url);
    const begin = () =>
      Array.from({ length: count }, async () => {
        const operation = door.begin();
        if (kind === 'send') return operation.send({ method: 'POST', path: '/x' });
        const { body } = await operation.stream({ method: 'POST', path: '/x', maxResponseBytes: 10 });
        return buffer(body);
      });
    await Promise.all(begin());
    await setImmediate();
    const timeOut = async () => {
      sent.length = 0;
      const calls = Promise.allSettled(begin());
      while (sent.length !== count) await setImmediate();
      vi.advanceTimersByTime(60_000);
      for (const call of await calls) expect(call).toMatchObject({ reason: { code: 'vendor_timeout' } });
    };
    await timeOut();
    expect(server.connections()).toBe(count);
    expect(events).toEqual([]);
    await timeOut();
    expect(server.connections()).toBe(2 * count);
    expect(events).toMatchObject([{ type: 'circuit_opened', origin: new URL(server.url).origin }]);
    await door.close();
  },
);
