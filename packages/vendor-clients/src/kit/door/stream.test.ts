import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { createServer, type AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { setImmediate } from 'node:timers/promises';
import { afterEach, expect, test, vi } from 'vitest';
import { startVendorServer, type PlannedResponse } from '../../testing/vendor-server.ts';
import { createVirtualClock } from '../../testing/virtual-clock.ts';
import { openDoor, type Door, type StreamCall } from './door.ts';
import { maxSockets } from './call-limits.ts';
import type { StreamedResponse } from './stream.ts';

const vendor = { id: 'nymbl', title: 'Nymbl' };
const call: StreamCall = { method: 'GET', path: '/x', maxResponseBytes: 1_000 };
const openTo = (baseUrl: string, timeoutMs = 60_000): Door => openDoor({ vendor, baseUrl, timeoutMs });
const begun: PlannedResponse = (response) => response.writeHead(200).write('first');

afterEach(() => {
  vi.useRealTimers();
});

/** Lets time pass only when the test says so. The network is real. */
function stopTime(): void {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
}

/** Reads a body, and returns how that ended so far. */
function read(body: StreamedResponse['body']): { end: string } {
  const reading = { end: 'none' };
  buffer(body).then(
    (whole) => (reading.end = whole.toString()),
    (failure: unknown) => (reading.end = (failure as { code: string }).code),
  );
  return reading;
}

/** Passes time, and then a few turns of the event loop, in which what the timers ended is reported. */
async function pass(milliseconds: number): Promise<void> {
  vi.advanceTimersByTime(milliseconds);
  for (let turn = 0; turn < 10; turn += 1) await setImmediate();
}

test('a streamed body has the remaining time of its operation', async () => {
  await using server = await startVendorServer(begun);
  stopTime();
  const clock = createVirtualClock();
  const operation = openDoor({ vendor, baseUrl: server.url, timeoutMs: 60_000 }, { clock }).begin();
  clock.advance(59_800);
  const reading = read((await operation.stream(call)).body);
  await pass(199);
  expect(reading.end).toBe('none');
  await pass(1);
  expect(reading.end).toBe('vendor_timeout');
});

test('a streamed body can have a longer time than its operation', async () => {
  const held: ServerResponse[] = [];
  await using server = await startVendorServer((response) => {
    response.writeHead(200).write('first');
    held.push(response);
  });
  stopTime();
  const { begin } = openTo(server.url, 200);
  const extended = await begin().stream(call);
  extended.extend(60_000);
  await pass(59_999);
  held[0]?.end(' last');
  expect((await buffer(extended.body)).toString()).toBe('first last');
});

test('a streamed body can have a shorter time than its operation', async () => {
  await using server = await startVendorServer(begun);
  stopTime();
  const { body, extend } = await openTo(server.url, 60_000).begin().stream(call);
  extend(50);
  const reading = read(body);
  await pass(49);
  expect(reading.end).toBe('none');
  await pass(1);
  expect(reading.end).toBe('vendor_timeout');
});

test.each<[string, PlannedResponse]>([
  ['by its Content-Length', { headers: { 'content-length': '1001' }, text: 'x'.repeat(1_001) }],
  [
    'as it arrives',
    (response) => {
      response.writeHead(200).write('x'.repeat(600));
      response.end('x'.repeat(401));
    },
  ],
])('a streamed body that is too long %s is invalid', async (_name, response) => {
  await using server = await startVendorServer(response);
  const reading = openTo(server.url).begin().stream(call);
  await expect(reading.then(({ body }) => buffer(body))).rejects.toMatchObject({ reason: 'body_too_long' });
});

test('a streamed body that is too long by its Content-Length is refused before it is read', async () => {
  await using server = await startVendorServer({ text: 'x'.repeat(1_001), headers: { 'content-length': '1001' } });
  await expect(openTo(server.url).begin().stream(call)).rejects.toMatchObject({ reason: 'body_too_long' });
});

test('a streamed body that ends with its TCP connection is incomplete after a reset', async () => {
  const server = createServer((socket) => {
    socket.on('error', () => undefined).once('data', () => socket.write('HTTP/1.1 200 OK\r\n\r\nfirst'));
    reset = () => void socket.resetAndDestroy();
  });
  let reset = () => undefined as void;
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address() as AddressInfo;
  const { body } = await openTo(`http://127.0.0.1:${port}`).begin().stream(call);
  reset();
  await expect(buffer(body)).rejects.toMatchObject({ code: 'vendor_unavailable', reason: 'ECONNRESET' });
  server.close();
});

test('a streamed body that ends with its TCP connection is complete after a regular end', async () => {
  await using server = await startVendorServer(({ socket }) => {
    socket?.end('HTTP/1.1 200 OK\r\n\r\nfirst');
  });
  const { body } = await openTo(server.url).begin().stream(call);
  expect((await buffer(body)).toString()).toBe('first');
});

test.each(['gzip', 'gzip, chunked'])('a response with the transfer encoding %s is invalid', async (encoding) => {
  await using server = await startVendorServer(({ socket }) => {
    socket?.end(`HTTP/1.1 200 OK\r\nTransfer-Encoding: ${encoding}\r\n\r\n1\r\nx\r\n0\r\n\r\n`);
  });
  await expect(openTo(server.url).begin().stream(call)).rejects.toMatchObject({ reason: 'transfer_encoding' });
});

test.each([
  ['HEAD', 200],
  ['GET', 304],
])('the Content-Length of a response without a body (%s, %i) is not checked', async (method, status) => {
  await using server = await startVendorServer((response) => {
    response.writeHead(status, { 'content-length': '5000' }).end();
  });
  const response = await openTo(server.url)
    .begin()
    .stream({ ...call, method });
  expect(response.headers['content-length']).toBe('5000');
  expect(await buffer(response.body)).toHaveLength(0);
});

test('a reader that stops while no bytes arrive closes the socket', async () => {
  const closed = Promise.withResolvers<void>();
  await using server = await startVendorServer((response) => {
    response.writeHead(200).write('first');
    response.once('close', () => closed.resolve());
  });
  const { body, extend } = await openTo(server.url).begin().stream(call);
  extend(60_000);
  const chunks = body[Symbol.asyncIterator]();
  await chunks.next();
  const pending = chunks.next().then(undefined, () => undefined);
  await chunks.return?.();
  await expect(closed.promise).resolves.toBeUndefined();
  await pending;
});

const endings: readonly [string, PlannedResponse, (response: StreamedResponse) => unknown][] = [
  ['is read', { text: 'all' }, ({ body }) => buffer(body)],
  ['is discarded', { text: 'all' }, ({ discard }) => discard()],
  ['is no longer read before its first chunk', { text: 'all' }, ({ body }) => body[Symbol.asyncIterator]().return?.()],
  [
    'is no longer read after its first chunk',
    begun,
    async ({ body }) => {
      for await (const chunk of body) if (chunk.length > 0) break;
    },
  ],
  [
    'breaks off',
    (response) => void response.writeHead(200, { 'content-length': '10' }).write('x', () => response.destroy()),
    ({ body }) => buffer(body),
  ],
  ['is too long', { text: 'x'.repeat(2_000) }, ({ body }) => buffer(body)],
  ['belongs to an unusable status', { status: 500, text: 'x'.repeat(2_000) }, ({ body }) => buffer(body)],
];

test.each(endings)('a body that %s releases its socket', async (_name, response, end) => {
  await using server = await startVendorServer(response);
  const door = openTo(server.url);
  // Too few calls fail to open the circuit, and more responses end in this way than calls can have sockets.
  for (let count = 0; count < 2 * maxSockets + 4; count += 1) {
    if (count % 2 === 0) server.respond(response);
    else server.respond({ text: 'all' });
    const streaming = door.begin().stream(call);
    await streaming.then(count % 2 === 0 ? end : ({ body }) => buffer(body)).catch(() => undefined);
  }
  server.respond({ text: 'all' });
  const atOnce = Array.from({ length: maxSockets }, () => door.begin().stream(call));
  expect(new Set((await Promise.all(atOnce)).map(({ status }) => status))).toEqual(new Set([200]));
});
