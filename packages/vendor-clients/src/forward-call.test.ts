import { once } from 'node:events';
import { Readable } from 'node:stream';
import { setTimeout } from 'node:timers/promises';
import { Secret, type ProxyRequest, type ProxyResponse, type ServerToken } from '@valetkey/core-types';
import { expect, test } from 'vitest';
import { startVendorServer, type PlannedAnswer } from './testing/vendor-server.ts';
import { createNymblClient, type NymblOptions } from './vendors/nymbl.ts';

const token: ServerToken = { kind: 'server', vendor: 'nymbl', secret: new Secret('access-sandbox-only') };
const read: ProxyRequest = { method: 'GET', path: '/Documents', query: '', headers: {} };

async function startProxy(answer: PlannedAnswer, options: Partial<NymblOptions> = {}) {
  const server = await startVendorServer(answer);
  const client = createNymblClient({
    clientId: 'client',
    clientSecret: 'secret-sandbox-only',
    apiKey: 'key-sandbox-only',
    customer: { value: 'acme-corp' },
    allow: ['GET', 'HEAD', 'POST', 'PUT'].map((method) => ({ method: method as 'GET', path: '/Documents' })),
    baseUrl: server.url,
    maxRequestBytes: 100_000_000,
    maxResponseBytes: 100_000_000,
    ...options,
  });
  const send = async (request: ProxyRequest): Promise<ProxyResponse> => {
    const answer = await client.send(request, token);
    if (answer === 'token_refused') throw new Error('refused');
    return answer;
  };
  return {
    server,
    send,
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]();
      await client.close();
    },
  };
}

async function collect(body: AsyncIterable<Uint8Array>): Promise<Uint8Array[]> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of body) chunks.push(chunk);
  return chunks;
}

/** Waits until a count has stopped moving, for a moment at least. */
async function untilStill(count: () => number): Promise<void> {
  for (let before = -1; before !== count();) {
    before = count();
    await setTimeout(50);
  }
}

const megabyte = Buffer.alloc(1_048_576, 'x');

test('a consumer that is slow holds the vendor back, and memory with it', async () => {
  let written = 0;
  await using proxy = await startProxy((response) => {
    const source = Readable.from(
      (function* () {
        for (; written < 60; written++) yield megabyte;
      })(),
    );
    source.pipe(response.writeHead(200));
  });
  const answer = await proxy.send(read);
  const chunks = answer.body[Symbol.asyncIterator]();
  let length = (await chunks.next()).value?.length ?? 0;
  await untilStill(() => written);
  expect(written).toBeLessThan(30);
  for (let next = await chunks.next(); next.done !== true; next = await chunks.next()) length += next.value.length;
  expect(length).toBe(60 * megabyte.length);
});

test('a vendor that is slow holds the caller back', async () => {
  const arrived = Promise.withResolvers<void>();
  let released = (): void => undefined;
  await using proxy = await startProxy((response, request) => {
    request.pause();
    released = () => {
      request.resume();
      request.on('end', () => response.end('{}'));
    };
    arrived.resolve();
  });
  let given = 0;
  async function* body(): AsyncGenerator<Uint8Array> {
    for (; given < 60; given++) yield megabyte;
  }
  const sending = proxy.send({ ...read, method: 'PUT', body: body() });
  await arrived.promise;
  await untilStill(() => given);
  expect(given).toBeLessThan(30);
  released();
  expect((await sending).status).toBe(200);
  expect(given).toBe(60);
});

test('an answer that breaks off is an error of the body, never a short body', async () => {
  await using proxy = await startProxy((response) => {
    response.writeHead(200, { 'content-length': '10' }).write('12345', () => response.socket?.destroy());
  });
  const answer = await proxy.send(read);
  await expect(collect(answer.body)).rejects.toMatchObject({ code: 'vendor_unavailable', vendor: 'nymbl' });
});

test('a caller that leaves takes the vendor’s connection along', async () => {
  const closed = Promise.withResolvers<void>();
  await using proxy = await startProxy((response) => {
    response.writeHead(200).write('x');
    void once(response, 'close').then(() => closed.resolve());
  });
  const controller = new AbortController();
  const answer = await proxy.send({ ...read, signal: controller.signal });
  const reading = collect(answer.body);
  controller.abort(new Error('gone'));
  await expect(reading).rejects.toThrow('gone');
  await closed.promise;
});

test('a body that fails on its way is the caller’s failure', async () => {
  await using proxy = await startProxy((response, request) => {
    request.resume().on('end', () => response.end());
  });
  async function* body(): AsyncGenerator<Uint8Array> {
    yield Buffer.from('{');
    throw new Error('the caller broke off');
  }
  await expect(proxy.send({ ...read, method: 'POST', body: body() })).rejects.toMatchObject({
    code: 'invalid_request',
    reason: 'body_broke_off',
  });
  const short = {
    ...read,
    method: 'POST',
    headers: { 'content-length': '99' },
    body: Readable.from([Buffer.from('1')]),
  };
  await expect(proxy.send(short)).rejects.toMatchObject({ code: 'invalid_request' });
});

test.each([204, 304])('a %i has no body', async (status) => {
  await using proxy = await startProxy({ status, headers: { etag: '"1"' } });
  const answer = await proxy.send({ ...read, headers: { 'if-none-match': '"1"' } });
  expect(answer.status).toBe(status);
  expect(answer.headers.etag).toBe('"1"');
  expect(await collect(answer.body)).toEqual([]);
  expect(proxy.server.calls[0]?.headers['if-none-match']).toBe('"1"');
});

test('no body goes with a GET', async () => {
  await using proxy = await startProxy({ json: {} });
  await proxy.send({ ...read, headers: { 'content-length': '1' }, body: Buffer.from('x') });
  expect(proxy.server.calls[0]).toMatchObject({ body: '' });
  expect(proxy.server.calls[0]?.headers['content-length']).toBeUndefined();
});

test('HEAD asks for the head alone, and no body goes with it', async () => {
  await using proxy = await startProxy({ headers: { 'content-length': '1000' } });
  const answer = await proxy.send({ ...read, method: 'HEAD', body: Buffer.from('x') });
  expect(answer.headers['content-length']).toBe('1000');
  expect(await collect(answer.body)).toEqual([]);
  expect(proxy.server.calls[0]?.headers['content-length']).toBeUndefined();
});

test('reading is repeated when a connection breaks, writing is not', async () => {
  await using proxy = await startProxy((response) => response.socket?.resetAndDestroy());
  await expect(proxy.send({ ...read, method: 'POST', body: Buffer.from('x') })).rejects.toMatchObject({
    code: 'vendor_unavailable',
  });
  expect(proxy.server.calls).toHaveLength(1);
  await expect(proxy.send(read)).rejects.toMatchObject({ code: 'vendor_unavailable' });
  expect(proxy.server.calls).toHaveLength(3);
});

test('a body that says itself too long is refused before the vendor hears of it', async () => {
  await using proxy = await startProxy({ text: 'taken' }, { maxRequestBytes: 10 });
  async function* body(): AsyncGenerator<Uint8Array> {
    yield Buffer.from('x');
  }
  const request = { ...read, method: 'POST', headers: { 'content-length': '11' }, body: body() };
  await expect(proxy.send(request)).rejects.toMatchObject({ code: 'payload_too_large' });
  expect(proxy.server.calls).toHaveLength(0);
});

test('a HEAD that is forbidden is passed on: no body tells whose refusal it is', async () => {
  await using proxy = await startProxy({ status: 403 });
  expect((await proxy.send({ ...read, method: 'HEAD' })).status).toBe(403);
  await expect(proxy.send(read)).rejects.toMatchObject({ code: 'vendor_auth_failed' });
});
