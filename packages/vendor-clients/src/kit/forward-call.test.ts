import { once } from 'node:events';
import { Readable } from 'node:stream';
import type { ProxyRequest, ProxyResponse } from '@valetkey/core-types';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { startVendorServer, type PlannedResponse } from '../testing/vendor-server.ts';
import { openDoor } from './door/door.ts';
import { forwardCall, forwardOptions, toProxyResponse, type ForwardLimits } from './forward-call.ts';

const vendor = { id: 'nymbl', title: 'Nymbl' };
const read: ProxyRequest = { method: 'GET', path: '/Documents', query: '', headers: {} };

async function startProxy(response: PlannedResponse, changes: Partial<ForwardLimits> = {}) {
  const server = await startVendorServer(response);
  const limits = {
    maxRequestBytes: 100_000_000,
    maxResponseBytes: 100_000_000,
    streamTimeoutMs: 60_000,
    ...changes,
  };
  const door = openDoor({ vendor, baseUrl: server.url, timeoutMs: 5_000 });
  const send = async (request: ProxyRequest): Promise<ProxyResponse> => {
    const { signal } = request;
    return toProxyResponse(
      await forwardCall(door.begin({ signal }), request, { authorization: 'ours' }, limits),
      limits,
    );
  };
  return {
    server,
    send,
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]();
      await door.close();
    },
  };
}

async function collect(body: AsyncIterable<Uint8Array>): Promise<Uint8Array[]> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of body) chunks.push(chunk);
  return chunks;
}

/** Waits until a count has not changed for many turns of the event loop, in which both the client and the server run. */
async function untilStill(count: () => number): Promise<void> {
  for (let turns = 0, before = count(); turns < 500; turns += 1) {
    await new Promise(setImmediate);
    if (count() !== before) turns = 0;
    before = count();
  }
}

const megabyte = Buffer.alloc(1_048_576, 'x');

test('a slow reader slows the vendor down, so that its body does not fill the memory', async () => {
  let written = 0;
  await using proxy = await startProxy((response) => {
    const source = Readable.from(
      (function* () {
        for (; written < 60; written++) yield megabyte;
      })(),
    );
    source.pipe(response.writeHead(200));
  });
  const response = await proxy.send(read);
  const chunks = response.body[Symbol.asyncIterator]();
  let length = (await chunks.next()).value?.length ?? 0;
  await untilStill(() => written);
  expect(written).toBeLessThan(30);
  for (let next = await chunks.next(); next.done !== true; next = await chunks.next()) length += next.value.length;
  expect(length).toBe(60 * megabyte.length);
});

test('a slow vendor slows the caller down, so that its body does not fill the memory', async () => {
  const arrived = Promise.withResolvers<void>();
  let release = (): void => undefined;
  await using proxy = await startProxy((response, request) => {
    request.pause();
    release = () => {
      request.resume();
      request.on('end', () => response.end('{}'));
    };
    arrived.resolve();
  });
  let pulled = 0;
  async function* body(): AsyncGenerator<Uint8Array> {
    for (; pulled < 60; pulled++) yield megabyte;
  }
  const sending = proxy.send({ ...read, method: 'PUT', body: body() });
  await arrived.promise;
  await untilStill(() => pulled);
  expect(pulled).toBeLessThan(30);
  release();
  expect((await sending).status).toBe(200);
  expect(pulled).toBe(60);
});

test('the body of a response that breaks off rejects, and does not end early', async () => {
  await using proxy = await startProxy((response) => {
    response.writeHead(200, { 'content-length': '10' }).write('12345', () => response.socket?.destroy());
  });
  const response = await proxy.send(read);
  await expect(collect(response.body)).rejects.toMatchObject({ code: 'vendor_unavailable', vendor: 'nymbl' });
});

test('when the caller aborts, the socket to the vendor is closed', async () => {
  const closed = Promise.withResolvers<void>();
  await using proxy = await startProxy((response) => {
    response.writeHead(200).write('x');
    void once(response, 'close').then(() => closed.resolve());
  });
  const controller = new AbortController();
  const response = await proxy.send({ ...read, signal: controller.signal });
  const reading = collect(response.body);
  controller.abort(new Error('aborted'));
  await expect(reading).rejects.toThrow('aborted');
  await closed.promise;
});

test('a request body that breaks off or is shorter than its Content-Length is an invalid request', async () => {
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

test.each([204, 304])('a response with status %i has no body and keeps its headers', async (status) => {
  await using proxy = await startProxy({ status, headers: { etag: '"1"' } });
  const response = await proxy.send({ ...read, headers: { 'if-none-match': '"1"' } });
  expect(response.status).toBe(status);
  expect(response.headers.etag).toBe('"1"');
  expect(await collect(response.body)).toEqual([]);
  expect(proxy.server.calls[0]?.headers['if-none-match']).toBe('"1"');
});

test('forwardCall does not send the body of a GET', async () => {
  await using proxy = await startProxy({ json: {} });
  await proxy.send({ ...read, headers: { 'content-length': '1' }, body: Buffer.from('x') });
  expect(proxy.server.calls[0]).toMatchObject({ body: '' });
  expect(proxy.server.calls[0]?.headers['content-length']).toBeUndefined();
});

test('forwardCall sends a HEAD without a body, and its response keeps the Content-Length', async () => {
  await using proxy = await startProxy({ headers: { 'content-length': '1000' } });
  const response = await proxy.send({ ...read, method: 'HEAD', body: Buffer.from('x') });
  expect(response.headers['content-length']).toBe('1000');
  expect(await collect(response.body)).toEqual([]);
  expect(proxy.server.calls[0]?.headers['content-length']).toBeUndefined();
});

test('after a broken TCP connection, a GET is repeated and a POST is not', async () => {
  await using proxy = await startProxy((response) => response.socket?.resetAndDestroy());
  await expect(proxy.send({ ...read, method: 'POST', body: Buffer.from('x') })).rejects.toMatchObject({
    code: 'vendor_unavailable',
  });
  expect(proxy.server.calls).toHaveLength(1);
  await expect(proxy.send(read)).rejects.toMatchObject({ code: 'vendor_unavailable' });
  expect(proxy.server.calls).toHaveLength(3);
});

test('forwardCall rejects a body that is too long by its Content-Length, before it sends anything', async () => {
  await using proxy = await startProxy({ text: 'accepted' }, { maxRequestBytes: 10 });
  async function* body(): AsyncGenerator<Uint8Array> {
    yield Buffer.from('x');
  }
  const request = { ...read, method: 'POST', headers: { 'content-length': '11' }, body: body() };
  await expect(proxy.send(request)).rejects.toMatchObject({ code: 'payload_too_large' });
  expect(proxy.server.calls).toHaveLength(0);
});

test('the options of a forwarding vendor parse to its bounds and an empty list of allowed calls', () => {
  expect(z.strictObject(forwardOptions).parse({})).toEqual({
    allow: [],
    streamTimeoutMs: 60_000,
    maxRequestBytes: 1_048_576,
    maxResponseBytes: 16_777_216,
  });
});

test('toProxyResponse passes a part of a body with its range and conditions, and throws for a part that does not name its range', async () => {
  await using proxy = await startProxy({ status: 206, headers: { 'content-range': 'bytes 0-1/9' }, text: 'ab' });
  const headers = { range: 'bytes=0-1', 'if-range': '"1"' };
  const { status, headers: passed } = await proxy.send({ ...read, headers });
  expect([status, passed['content-range']]).toEqual([206, 'bytes 0-1/9']);
  expect(proxy.server.calls[0]?.headers).toMatchObject(headers);
  for (const range of [undefined, '', 'bytes', 'bytes */9']) {
    proxy.server.respond({
      status: 206,
      ...(range !== undefined && { headers: { 'content-range': range } }),
      text: 'ab',
    });
    await expect(proxy.send({ ...read, headers })).rejects.toMatchObject({
      code: 'vendor_response_invalid',
      reason: 'part_without_range',
    });
  }
  proxy.server.respond({ status: 206, headers: { 'content-type': 'multipart/byteranges; boundary=x' }, text: '--x--' });
  expect((await proxy.send({ ...read, headers })).status).toBe(206);
});
