import { getEventListeners, once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { inspect } from 'node:util';
import { brotliCompressSync, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib';
import { MockAgent } from 'undici';
import { afterEach, expect, test, vi } from 'vitest';
import { z } from 'zod';
import { startVendorServer, type PlannedResponse } from '../../testing/vendor-server.ts';
import { createVirtualClock } from '../../testing/virtual-clock.ts';
import { openDoor, type Door, type DoorCall } from './door.ts';
import { maxBodyBytes } from './response.ts';

const vendor = { id: 'nabla', title: 'Nabla' };
const call: DoorCall = { method: 'GET', path: '/x' };
const openTo = (baseUrl: string, timeoutMs = 60_000): Door => openDoor({ vendor, baseUrl, timeoutMs });

afterEach(() => {
  vi.useRealTimers();
});

async function sendTo(response: PlannedResponse, given: Partial<DoorCall> = {}, timeoutMs?: number): Promise<unknown> {
  await using server = await startVendorServer(response);
  return await openTo(server.url, timeoutMs)
    .begin()
    .send({ ...call, ...given });
}

test('a door sends method, path, headers and body below its base URL, and reads the whole response', async () => {
  await using server = await startVendorServer({ status: 404, text: 'gone', headers: { 'x-a': 'b' } });
  const response = await openTo(`${server.url}/base/`)
    .begin()
    .send({
      method: 'POST',
      path: '/a?b=c',
      headers: { 'x-c': 'd' },
      body: 'text',
      expected: 'any',
    });
  expect(response).toMatchObject({ status: 404, headers: { 'x-a': 'b' } });
  expect(response.body.toString()).toBe('gone');
  expect(server.calls).toMatchObject([{ method: 'POST', path: '/base/a?b=c', headers: { 'x-c': 'd' }, body: 'text' }]);
});

test('a body in `json` is sent as JSON, and JSON is requested', async () => {
  await using server = await startVendorServer({ json: {} });
  await openTo(server.url)
    .begin()
    .send({ method: 'POST', path: '/x', json: { a: 1 } });
  expect(server.calls).toMatchObject([
    { headers: { 'content-type': 'application/json', accept: 'application/json' }, body: '{"a":1}' },
  ]);
});

test.each([
  [200, undefined, undefined],
  [201, undefined, 'vendor_response_invalid'],
  [201, [200, 201], undefined],
  [304, undefined, 'vendor_response_invalid'],
  [400, undefined, 'vendor_rejected'],
  [400, [200, 400], undefined],
  [401, undefined, 'vendor_auth_failed'],
  [403, undefined, 'vendor_auth_failed'],
  [404, 'any', undefined],
  [418, undefined, 'vendor_rejected'],
] as const)(
  'with status %i and the expected statuses %j, a call has the error code %s',
  async (status, expected, code) => {
    const [sent] = await Promise.allSettled([sendTo({ status }, { expected })]);
    const failure = { code, vendor: 'nabla', reason: `status_${status}`, cause: { type: 'vendor_status', status } };
    expect(sent).toMatchObject(code === undefined ? { value: { status } } : { reason: failure });
  },
);

test('a status has the meaning that the call declares for it, if the body matches the meaning', async () => {
  const meaning = { code: 'vendor_user_not_found', detail: 'No such user.', advice: 'Look.', reason: 'gone' } as const;
  const meanings = { 404: { ...meaning, body: z.object({ error: z.string() }) } };
  await expect(sendTo({ status: 404 }, { meanings: { 404: meaning } })).rejects.toMatchObject({
    code: 'vendor_user_not_found',
    message: 'No such user.',
    advice: 'Look.',
    reason: 'gone',
    cause: { type: 'vendor_status', status: 404 },
  });
  await expect(sendTo({ status: 404, json: { error: 'x' } }, { meanings })).rejects.toMatchObject({ reason: 'gone' });
  for (const other of [meanings, { 404: meaning }]) {
    await expect(sendTo({ status: 404, text: '<html>' }, { meanings: other })).rejects.toMatchObject({
      code: 'vendor_rejected',
      cause: { type: 'intercepted', status: 404 },
    });
  }
});

test.each([
  ['gzip', gzipSync],
  ['deflate', deflateSync],
  ['br', brotliCompressSync],
  ['zstd', zstdCompressSync],
] as const)(
  'a response that is encoded with %s, although the door did not request this, is decoded',
  async (encoding, encode) => {
    const encoded = encode('{"a":1}');
    const response = await sendTo((response) => {
      response.writeHead(200, { 'content-encoding': encoding }).end(encoded);
    });
    expect((response as { body: Buffer }).body.toString()).toBe('{"a":1}');
  },
);

test.each<[string, PlannedResponse]>([
  ['is too long', { text: 'x'.repeat(maxBodyBytes + 1) }],
  ['never ends', (response) => Readable.from(letters()).pipe(response)],
  [
    'decodes to too many bytes',
    (response) => {
      response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync(Buffer.alloc(maxBodyBytes + 1)));
    },
  ],
  [
    'is not encoded as it says',
    (response) => {
      response.writeHead(200, { 'content-encoding': 'gzip' }).end('not gzip');
    },
  ],
  [
    'has an unknown encoding',
    (response) => {
      response.writeHead(200, { 'content-encoding': 'zstd, gzip' }).end('x');
    },
  ],
])('a response whose body %s is invalid', async (_name, response) => {
  await expect(sendTo(response)).rejects.toMatchObject({ code: 'vendor_response_invalid', vendor: 'nabla' });
});

function* letters(): Generator<string> {
  for (;;) yield 'x'.repeat(65_536);
}

test.each([301, 302, 303, 307, 308])('a redirect with status %i is not followed', async (status) => {
  await using elsewhere = await startVendorServer({});
  await using server = await startVendorServer({ status, headers: { location: elsewhere.url } });
  const sending = openTo(server.url)
    .begin()
    .send({ method: 'POST', path: '/x', headers: { 'x-api-key': 'k' }, body: 'b', expected: 'any' });
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
  [503, { 'retry-after': new Date(Date.now() - 60_000).toUTCString() }, 'vendor_unavailable', 1],
  [408, {}, 'vendor_unavailable', undefined],
  [425, {}, 'vendor_unavailable', undefined],
])(
  'a call whose response has status %i and the headers %j rejects with %s and the retryAfterSeconds %s',
  async (status, headers, code, seconds) => {
    await expect(sendTo({ status, headers }, { expected: 'any' })).rejects.toMatchObject({
      code,
      retryAfterSeconds: seconds,
      vendor: 'nabla',
      cause: { type: 'vendor_status', status },
    });
  },
);

test('a call to a vendor that hangs rejects with vendor_timeout at its deadline', async () => {
  const hang = sendTo(() => undefined, {}, 100);
  await expect(hang).rejects.toMatchObject({ code: 'vendor_timeout', reason: 'deadline' });
});

test('a call whose response drips rejects with vendor_timeout at its deadline', async () => {
  const drip = sendTo(
    (response) => {
      response.writeHead(200);
      const timer = setInterval(() => response.write('x'), 10);
      response.on('close', () => clearInterval(timer));
    },
    {},
    100,
  );
  await expect(drip).rejects.toMatchObject({ code: 'vendor_timeout', reason: 'deadline' });
});

test('the deadline of a call includes its repetitions', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  let received = 0;
  const repeated = Promise.withResolvers<void>();
  const sending = sendTo(
    (response) => {
      received += 1;
      if (received === 1) response.writeHead(500).end();
      else repeated.resolve();
    },
    { repeatable: true },
    200,
  );
  const ended = sending.catch((failure: unknown) => failure);
  await repeated.promise;
  vi.advanceTimersByTime(200);
  expect(await ended).toMatchObject({ code: 'vendor_timeout' });
  expect(received).toBe(2);
});

test('a caller that aborts receives its own abort reason, and its later calls are not sent', async () => {
  const controller = new AbortController();
  const reason = new Error('the app disconnected');
  await using server = await startVendorServer(() => controller.abort(reason));
  const { begin } = openTo(server.url);
  await expect(begin(controller).send(call)).rejects.toBe(reason);
  await expect(begin(controller).send(call)).rejects.toBe(reason);
  expect(server.calls).toHaveLength(1);
});

test('a broken TCP connection is vendor_unavailable, and a repeatable call is sent again', async () => {
  const reset: PlannedResponse = (response) => response.socket?.resetAndDestroy();
  await expect(sendTo(reset)).rejects.toMatchObject({ code: 'vendor_unavailable', vendor: 'nabla' });
  await using server = await startVendorServer(reset, { text: 'ok' });
  const response = await openTo(server.url)
    .begin()
    .send({ ...call, repeatable: true });
  expect(response.body.toString()).toBe('ok');
});

test('a door resolves a host name, and may be closed twice', async () => {
  await using server = await startVendorServer({ text: 'ok' });
  const door = openTo(server.url.replace('127.0.0.1', 'localhost'));
  expect((await door.begin().send(call)).body.toString()).toBe('ok');
  expect(server.calls[0]?.headers.host).toMatch(/^localhost:/);
  await Promise.all([door.close(), door.close()]);
});

test.each([0, 1])('a door that was closed after %i calls sends none', async (count) => {
  await using server = await startVendorServer({ text: 'ok' });
  const door = openTo(server.url);
  for (let sent = 0; sent < count; sent += 1) await door.begin().send(call);
  await door.close();
  await expect(door.begin().send(call)).rejects.toMatchObject({
    code: 'vendor_unavailable',
    reason: 'UND_ERR_DESTROYED',
  });
  expect(server.calls).toHaveLength(count);
});

test('characters that HTTP does not allow are an invalid request, and do not count against the vendor', async () => {
  await using server = await startVendorServer({ text: 'ok' });
  const door = openTo(server.url);
  const invalid = { ...call, repeatable: true, headers: { authorization: 'Bearer …' } };
  for (let count = 0; count < 30; count += 1) {
    await expect(door.begin().send(invalid)).rejects.toMatchObject({ code: 'invalid_request' });
  }
  expect((await door.begin().send(call)).status).toBe(200);
});

test('a refused TCP connection is vendor_unavailable', async () => {
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

test('a response that is not HTTP is invalid, and the error quotes none of it', async () => {
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

test('the calls of one operation share its time, and no call is sent after its end', async () => {
  const clock = createVirtualClock();
  await using server = await startVendorServer((response) => {
    if (server.calls.length > 2) return;
    clock.advance(29_950);
    response.end('late');
  });
  const door = openDoor({ vendor, baseUrl: server.url, timeoutMs: 60_000 }, { clock });
  const operation = door.begin();
  await operation.send(call);
  await operation.send(call);
  // A call with more than the remaining 100 ms would outlast the test.
  await expect(operation.send(call)).rejects.toMatchObject({
    code: 'vendor_timeout',
    message: 'Nabla did not respond within 60000 ms.',
  });
  clock.advance(100);
  await expect(operation.send(call)).rejects.toMatchObject({ code: 'vendor_timeout' });
  expect(server.calls).toHaveLength(3);
});

test("calls that are over leave no listener on the caller's signal", async () => {
  await using server = await startVendorServer({ text: 'ok' });
  const { signal } = new AbortController();
  const door = openTo(server.url);
  await door.begin({ signal }).send(call);
  await buffer((await door.begin({ signal }).stream({ method: 'GET', path: '/x', maxResponseBytes: 10 })).body);
  expect(getEventListeners(signal, 'abort')).toEqual([]);
});

test('a given dispatcher carries the calls and stays open when the door closes', async () => {
  const agent = new MockAgent();
  agent.disableNetConnect();
  agent.get('https://api.nabla.com').intercept({ path: '/x', method: 'GET' }).reply(200, 'mocked').times(2);
  const door = openDoor({ vendor, baseUrl: 'https://api.nabla.com', timeoutMs: 60_000 }, { dispatcher: agent });
  expect((await door.begin().send(call)).body.toString()).toBe('mocked');
  await Promise.all([door.close(), door.close()]);
  expect((await door.begin().send(call)).body.toString()).toBe('mocked');
  agent.assertNoPendingInterceptors();
  await agent.close();
});

test('the observer of a door learns of each HTTP request and its end, and adds headers to it', async () => {
  await using server = await startVendorServer({ status: 503 }, { json: {} }, { status: 404 }, { status: 401 });
  const seen: unknown[] = [];
  const door = openDoor(
    { vendor, baseUrl: `${server.url}/base`, timeoutMs: 60_000 },
    {
      onCall: (observed) => {
        seen.push(observed);
        return { headers: { traceparent: `call-${seen.length}` }, end: (end) => void seen.push(end) };
      },
    },
  );
  await door.begin().send({ ...call, repeatable: true });
  await door.begin().send({ ...call, method: 'POST', json: {}, expected: 'any' });
  const { discard } = await door.begin().stream({ method: 'GET', path: '/x', maxResponseBytes: 1_000 });
  discard();
  const { origin } = new URL(server.url);
  expect(seen).toEqual([
    { method: 'GET', origin },
    { status: 503 },
    { method: 'GET', origin },
    { status: 200 },
    { method: 'POST', origin },
    { status: 404 },
    { method: 'GET', origin },
    { status: 401 },
  ]);
  expect(server.calls.map(({ headers }) => headers['traceparent'])).toEqual(['call-1', 'call-3', 'call-5', 'call-7']);
  await door.close();
});

test('the observer of a door learns the error of a call without a response, and of a caller that aborts', async () => {
  const seen: unknown[] = [];
  const observe = (baseUrl: string) =>
    openDoor({ vendor, baseUrl, timeoutMs: 60_000 }, { onCall: () => ({ end: (end) => void seen.push(end) }) });
  await using silent = await startVendorServer(() => undefined);
  const { url } = await (async () => {
    await using closed = await startVendorServer({ json: {} });
    return closed;
  })();
  await expect(observe(url).begin().send(call)).rejects.toMatchObject({ code: 'vendor_unavailable' });
  const caller = new AbortController();
  const aborted = observe(silent.url).begin({ signal: caller.signal }).send(call);
  await vi.waitFor(() => expect(silent.calls).toHaveLength(1));
  caller.abort();
  await expect(aborted).rejects.toThrow('aborted');
  expect(seen).toEqual([{ error: 'vendor_unavailable' }, { error: 'aborted' }]);
});
