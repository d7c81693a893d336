import { getEventListeners, once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { inspect } from 'node:util';
import { brotliCompressSync, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib';
import { MockAgent } from 'undici';
import { expect, test } from 'vitest';
import { startVendorServer, type PlannedAnswer } from '../testing/vendor-server.ts';
import { openDoor, type Door, type DoorCall } from './door.ts';
import { longestBodyBytes } from './read-body.ts';

const vendor = { id: 'nabla', title: 'Nabla' };
const call: DoorCall = { method: 'GET', path: '/x' };
const openTo = (baseUrl: string, timeoutMs = 2_000): Door => openDoor({ vendor, baseUrl, timeoutMs });

async function sendTo(answer: PlannedAnswer, given: Partial<DoorCall> = {}, timeoutMs?: number): Promise<unknown> {
  await using server = await startVendorServer(answer);
  return await openTo(server.url, timeoutMs)
    .begin()
    .send({ ...call, ...given });
}

test('an answer is read whole', async () => {
  await using server = await startVendorServer({ status: 404, text: 'gone', headers: { 'x-a': 'b' } });
  const answer = await openTo(`${server.url}/base/`)
    .begin()
    .send({
      method: 'POST',
      path: '/a?b=c',
      headers: { 'x-c': 'd' },
      body: 'text',
    });
  expect(answer).toMatchObject({ status: 404, headers: { 'x-a': 'b' } });
  expect(answer.body.toString()).toBe('gone');
  expect(server.calls).toMatchObject([{ method: 'POST', path: '/base/a?b=c', headers: { 'x-c': 'd' }, body: 'text' }]);
});

test.each([
  ['gzip', gzipSync],
  ['deflate', deflateSync],
  ['br', brotliCompressSync],
  ['zstd', zstdCompressSync],
] as const)('%s is undone, though nobody asked for it', async (encoding, pack) => {
  const packed = pack('{"a":1}');
  const answer = await sendTo((response) => {
    response.writeHead(200, { 'content-encoding': encoding }).end(packed);
  });
  expect((answer as { body: Buffer }).body.toString()).toBe('{"a":1}');
});

test.each<[string, PlannedAnswer]>([
  ['a body that is too long', { text: 'x'.repeat(longestBodyBytes + 1) }],
  ['a body that never ends', (response) => Readable.from(letters()).pipe(response)],
  [
    'a body that unpacks to too much',
    (response) => {
      response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync(Buffer.alloc(longestBodyBytes + 1)));
    },
  ],
  [
    'a packing that is none',
    (response) => {
      response.writeHead(200, { 'content-encoding': 'gzip' }).end('not gzip');
    },
  ],
  [
    'a packing that we do not know',
    (response) => {
      response.writeHead(200, { 'content-encoding': 'zstd, gzip' }).end('x');
    },
  ],
])('%s is an invalid answer', async (_name, answer) => {
  await expect(sendTo(answer)).rejects.toMatchObject({ code: 'vendor_response_invalid', vendor: 'nabla' });
});

function* letters(): Generator<string> {
  for (;;) yield 'x'.repeat(65_536);
}

test.each([301, 302, 303, 307, 308])('a %i is not followed', async (status) => {
  await using elsewhere = await startVendorServer({});
  await using server = await startVendorServer({ status, headers: { location: elsewhere.url } });
  const sending = openTo(server.url)
    .begin()
    .send({ method: 'POST', path: '/x', headers: { 'x-api-key': 'k' }, body: 'b' });
  await expect(sending).rejects.toMatchObject({ code: 'vendor_response_invalid', reason: `status_${status}` });
  expect(elsewhere.calls).toHaveLength(0);
});

test.each([
  [429, {}, 'vendor_rate_limited', 1],
  [429, { 'retry-after': '17' }, 'vendor_rate_limited', 17],
  [429, { 'retry-after': 'soon' }, 'vendor_rate_limited', 1],
  [429, { 'retry-after': '100000' }, 'vendor_rate_limited', 120],
  [500, {}, 'vendor_unavailable', undefined],
  [503, { 'retry-after': '17' }, 'vendor_unavailable', 17],
  [408, {}, 'vendor_unavailable', undefined],
])('%i %j is %s after %s', async (status, headers, code, retryAfterSeconds) => {
  await expect(sendTo({ status, headers })).rejects.toMatchObject({ code, retryAfterSeconds, vendor: 'nabla' });
});

test('a vendor that hangs, or drips, is a timeout when the time of the call is over', async () => {
  const startedAt = performance.now();
  const hang = sendTo(() => undefined, {}, 100);
  await expect(hang).rejects.toMatchObject({ code: 'vendor_timeout', reason: 'deadline' });
  const drip = sendTo(
    (response) => {
      response.writeHead(200);
      const timer = setInterval(() => response.write('x'), 10);
      response.on('close', () => clearInterval(timer));
    },
    {},
    100,
  );
  await expect(drip).rejects.toMatchObject({ code: 'vendor_timeout' });
  expect(performance.now() - startedAt).toBeLessThan(1_000);
});

test('the time of a call covers its repetitions', async () => {
  let asked = 0;
  const sending = sendTo(
    (response) => {
      asked += 1;
      if (asked === 1) response.writeHead(500).end();
    },
    { repeatable: true },
    200,
  );
  await expect(sending).rejects.toMatchObject({ code: 'vendor_timeout' });
  expect(asked).toBe(2);
});

test('a caller that leaves meets its own reason', async () => {
  const controller = new AbortController();
  const reason = new Error('the app went away');
  await using server = await startVendorServer(() => controller.abort(reason));
  const { begin } = openTo(server.url);
  await expect(begin(controller).send(call)).rejects.toBe(reason);
  await expect(begin(controller).send(call)).rejects.toBe(reason);
  expect(server.calls).toHaveLength(1);
});

test('a connection that breaks is an unavailable vendor, and a repeatable call is made again', async () => {
  const reset: PlannedAnswer = (response) => response.socket?.resetAndDestroy();
  await expect(sendTo(reset)).rejects.toMatchObject({ code: 'vendor_unavailable', vendor: 'nabla' });
  await using server = await startVendorServer(reset, { text: 'ok' });
  const answer = await openTo(server.url)
    .begin()
    .send({ ...call, repeatable: true });
  expect(answer.body.toString()).toBe('ok');
});

test('a host name is resolved on the way', async () => {
  await using server = await startVendorServer({ text: 'ok' });
  const door = openTo(server.url.replace('127.0.0.1', 'localhost'));
  expect((await door.begin().send(call)).body.toString()).toBe('ok');
  expect(server.calls[0]?.headers.host).toMatch(/^localhost:/);
  await Promise.all([door.close(), door.close()]);
});

test('what HTTP does not carry is refused, and says nothing of the vendor', async () => {
  await using server = await startVendorServer({ text: 'ok' });
  const door = openTo(server.url);
  const odd = { ...call, repeatable: true, headers: { authorization: 'Bearer …' } };
  for (let count = 0; count < 30; count += 1) {
    await expect(door.begin().send(odd)).rejects.toMatchObject({ code: 'invalid_request' });
  }
  expect((await door.begin().send(call)).status).toBe(200);
});

test('nobody there is an unavailable vendor', async () => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  await expect(openTo(`http://127.0.0.1:${port}`).begin().send(call)).rejects.toMatchObject({
    code: 'vendor_unavailable',
    reason: 'ECONNREFUSED',
  });
});

test('what is not HTTP is an invalid answer, and none of it is quoted', async () => {
  const server = createServer((socket) => socket.end('SECRETBODY not http\r\n\r\n')).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const failure: unknown = await openTo(`http://127.0.0.1:${port}`)
    .begin()
    .send(call)
    .then(undefined, (reason: unknown) => reason);
  server.close();
  expect(failure).toMatchObject({ code: 'vendor_response_invalid' });
  expect(inspect(failure, { depth: 9, showHidden: true })).not.toContain('SECRETBODY');
});

test('the calls of one operation share its time', async () => {
  await using server = await startVendorServer((response) => {
    setTimeout(() => response.end('late'), 150);
  });
  const operation = openTo(server.url, 400).begin();
  const startedAt = performance.now();
  await operation.send(call);
  await operation.send(call);
  await expect(operation.send(call)).rejects.toMatchObject({
    code: 'vendor_timeout',
    message: 'Nabla did not answer within 400 ms.',
  });
  expect(performance.now() - startedAt).toBeLessThan(700);
  await expect(operation.send(call)).rejects.toMatchObject({ code: 'vendor_timeout' });
  expect(server.calls).toHaveLength(3);
});

test('a signal that lives on is not listened to by calls that are over', async () => {
  await using server = await startVendorServer({ text: 'ok' });
  const { signal } = new AbortController();
  const door = openTo(server.url);
  await door.begin({ signal }).send(call);
  await buffer((await door.begin({ signal }).stream({ method: 'GET', path: '/x', maxResponseBytes: 10 })).body);
  expect(getEventListeners(signal, 'abort')).toEqual([]);
});

test('a dispatcher of the caller carries the calls', async () => {
  const agent = new MockAgent();
  agent.disableNetConnect();
  agent.get('https://api.nabla.com').intercept({ path: '/x', method: 'GET' }).reply(200, 'mocked');
  const door = openDoor({ vendor, baseUrl: 'https://api.nabla.com', timeoutMs: 1_000 }, { dispatcher: agent });
  expect((await door.begin().send(call)).body.toString()).toBe('mocked');
  await Promise.all([door.close(), door.close()]);
  agent.assertNoPendingInterceptors();
  await agent.close();
});
