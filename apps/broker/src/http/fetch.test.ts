import { once } from 'node:events';
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http';
import { expect, test } from 'vitest';
import type { FetchOptions } from './fetch-options.ts';
import { fetchFrom } from './fetch.ts';

const url = 'http://broker.example/v1/things?q=1';

/** Returns the function that calls a server which listens nowhere. */
function serve(listener: RequestListener) {
  const server = createServer(listener);
  return (request: Request, options: FetchOptions = {}) => fetchFrom(server, request, options);
}

function post(body: string | ReadableStream<Uint8Array>, init: RequestInit = {}): Request {
  return new Request(url, { method: 'POST', body, duplex: 'half', ...init } as RequestInit);
}

async function readText(request: IncomingMessage): Promise<string> {
  let text = '';
  for await (const chunk of request) text += String(chunk);
  return text;
}

/** Returns a server that responds when the test says so, and the request that it has received. */
function serveLater() {
  const received = Promise.withResolvers<{ request: IncomingMessage; response: ServerResponse }>();
  const call = serve((request, response) => received.resolve({ request, response }));
  return { call, received: received.promise };
}

test('passes on the method, the target, the header fields and the body, and returns those of the response', async () => {
  const call = serve(async (request, response) => {
    const { method, url: target, headers } = request;
    response.writeHead(201, 'Made', { 'content-type': 'application/json', 'x-raw': 'ü' });
    response.end(JSON.stringify({ method, target, headers, body: await readText(request) }));
  });
  const response = await call(post('a body', { headers: { 'content-type': 'text/plain', authorization: 'Bearer a' } }));
  expect([response.status, response.statusText, response.headers.get('x-raw')]).toEqual([201, 'Made', 'ü']);
  expect(await response.json()).toEqual({
    method: 'POST',
    target: '/v1/things?q=1',
    headers: {
      host: 'broker.example',
      authorization: 'Bearer a',
      'content-type': 'text/plain',
      'transfer-encoding': 'chunked',
      connection: 'close',
    },
    body: 'a body',
  });
});

test.each([
  ['the host of the URL', {}, 'broker.example'],
  ['the header `host`, if there is one', { host: 'tokens.example' }, 'tokens.example'],
])('sends %s as host name', async (_name, headers, expected) => {
  const call = serve(({ headers: { host } }, response) => response.end(host));
  expect(await (await call(new Request(url, { headers }))).text()).toBe(expected);
});

test('sends no header of another connection and no length of a body that does not exist', async () => {
  const call = serve(({ headers }, response) => response.end(JSON.stringify(headers)));
  const headers = {
    connection: 'keep-alive, x-own',
    'keep-alive': 'timeout=5',
    'transfer-encoding': 'chunked',
    'content-length': '7',
    expect: '100-continue',
    upgrade: 'websocket',
  };
  const sent = async (method: string) => (await call(new Request(url, { method, headers }))).json();
  expect(await sent('GET')).toEqual({ host: 'broker.example', connection: 'close' });
  expect(await sent('DELETE')).toEqual({ host: 'broker.example', connection: 'close', 'content-length': '0' });
});

test('keeps each Set-Cookie header apart, and returns no header of the connection', async () => {
  const call = serve((_request, response) => {
    response.setHeader('set-cookie', ['a=1, still a', 'b=2']);
    response.end('text');
  });
  const { headers } = await call(new Request(url));
  expect(headers.getSetCookie()).toEqual(['a=1, still a', 'b=2']);
  expect([...headers.keys()]).toEqual(['content-length', 'date', 'set-cookie', 'set-cookie']);
});

test.each([
  ['HEAD', 200],
  ['GET', 204],
  ['GET', 205],
  ['GET', 304],
])('returns no body for the response to %s with the status %i', async (method, status) => {
  const call = serve((_request, response) => response.writeHead(status, { etag: '"a"' }).end());
  const response = await call(new Request(url, { method }));
  expect([response.status, response.body, response.headers.get('etag')]).toEqual([status, null, '"a"']);
});

test('returns the head and each part of a response as soon as the server has sent it', async () => {
  const { call, received } = serveLater();
  const responding = call(new Request(url));
  const { response } = await received;
  response.flushHeaders();
  const reader = (await responding).body?.getReader();
  for (const part of ['one', 'two']) {
    response.write(part);
    const { value } = (await reader?.read()) ?? {};
    expect(Buffer.from(value ?? []).toString()).toBe(part);
  }
  response.end();
  expect(await reader?.read()).toEqual({ done: true, value: undefined });
});

test('passes on each part of a body as soon as the caller has written it', async () => {
  const { call, received } = serveLater();
  const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
  const responding = call(post(readable));
  const writer = writable.getWriter();
  const { request, response } = await received;
  for (const part of ['one', 'two']) {
    const [[chunk]] = await Promise.all([once(request, 'data'), writer.write(Buffer.from(part))]);
    expect(String(chunk)).toBe(part);
  }
  await writer.close();
  await once(request, 'end');
  response.end('read');
  expect(await (await responding).text()).toBe('read');
});

test('reads no more of a body than its reader takes, in either direction', async () => {
  const chunk = Buffer.alloc(65_536);
  const made = { caller: 0, server: 0 };
  const endless = (side: keyof typeof made) =>
    new ReadableStream<Uint8Array>({
      pull: (controller) => {
        made[side] += 1;
        controller.enqueue(chunk);
      },
    });
  const left = Promise.withResolvers<void>();
  const call = serve(async (request, response) => {
    response.on('close', left.resolve);
    await once(request, 'readable');
    for await (const part of endless('server')) {
      if (!response.write(part)) await Promise.race([once(response, 'drain'), left.promise]);
      if (response.destroyed) return;
    }
  });
  const { body } = await call(post(endless('caller')));
  const reader = body?.getReader();
  for (let read = 0; read < 4 * chunk.length;) read += (await reader?.read())?.value?.byteLength ?? 0;
  await reader?.cancel();
  await left.promise;
  expect(made.caller).toBeLessThan(20);
  expect(made.server).toBeLessThan(20);
});

test('rejects with the reason of the signal, and ends the call at the server', async () => {
  const { call, received } = serveLater();
  const abort = new AbortController();
  const responding = call(new Request(url, { signal: abort.signal }));
  const { response } = await received;
  const closed = once(response, 'close');
  const reason = new Error('the user left');
  abort.abort(reason);
  await expect(responding).rejects.toBe(reason);
  await closed;
  await expect(call(new Request(url, { signal: abort.signal }))).rejects.toBe(reason);
});

test('ends a response that has begun when its signal aborts', async () => {
  const { call, received } = serveLater();
  const abort = new AbortController();
  const responding = call(new Request(url, { signal: abort.signal }));
  const { response } = await received;
  const closed = once(response, 'close');
  response.write('one');
  const reading = (await responding).text();
  const reason = new Error('the user left');
  abort.abort(reason);
  await expect(reading).rejects.toBe(reason);
  await closed;
});

test('ends the call at the server when the body of the response is cancelled before it was read', async () => {
  const { call, received } = serveLater();
  const responding = call(new Request(url));
  const { response } = await received;
  const closed = once(response, 'close');
  response.write('one');
  await (await responding).body?.cancel();
  await closed;
  expect(response.writableFinished).toBe(false);
});

test('makes a response that breaks off look cut', async () => {
  const { call, received } = serveLater();
  const responding = call(new Request(url));
  const { response } = await received;
  response.write('one');
  const reading = (await responding).text();
  response.destroy();
  await expect(reading).rejects.toThrow('aborted');
});

test('rejects when the server ends the connection without a response', async () => {
  const call = serve((_request, response) => response.destroy());
  await expect(call(new Request(url))).rejects.toThrow('socket hang up');
});

test('ends a call on which no byte moves for the timeout of the server', async () => {
  const server = createServer(() => undefined);
  server.timeout = 1;
  await expect(fetchFrom(server, new Request(url), {})).rejects.toThrow('socket hang up');
});

test('rejects with the error of a body that breaks off, and ends the call at the server', async () => {
  const { call, received } = serveLater();
  const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
  const responding = call(post(readable));
  const writer = writable.getWriter();
  void writer.write(Buffer.from('one'));
  const { request } = await received;
  const aborted = new Promise((resolve) => request.on('error', resolve));
  const failure = new Error('the upload broke off');
  void writer.abort(failure).catch(() => undefined);
  await expect(responding).rejects.toBe(failure);
  await aborted;
  expect(request.complete).toBe(false);
});

test('returns a response that comes before the body was read, and cancels the rest of the body', async () => {
  const cancelled = Promise.withResolvers<void>();
  const endless = new ReadableStream<Uint8Array>({
    pull: (controller) => controller.enqueue(Buffer.alloc(65_536)),
    cancel: () => cancelled.resolve(),
  });
  const call = serve((_request, response) => response.writeHead(413, { connection: 'close' }).end('too long'));
  const response = await call(post(endless));
  expect([response.status, await response.text()]).toEqual([413, 'too long']);
  await cancelled.promise;
});

test.each(['too long', 'a'])('rejects the body %j, whose content-length is 4', async (body) => {
  const call = serve((request, response) => request.on('end', () => response.end()).resume());
  const calling = call(post(body, { headers: { 'content-length': '4' } }));
  await expect(calling).rejects.toThrow('does not have the length of its `content-length`');
});

test('serves no second request that follows the body after its content-length', async () => {
  const targets: (string | undefined)[] = [];
  const received = Promise.withResolvers<void>();
  const call = serve(({ url: target }) => {
    targets.push(target);
    received.resolve();
  });
  const parts = async function* () {
    yield Buffer.from('four');
    await received.promise;
    yield Buffer.from('GET /second HTTP/1.1\r\nhost: a\r\n\r\n');
  };
  const calling = call(post(ReadableStream.from(parts()), { headers: { 'content-length': '4' } }));
  await expect(calling).rejects.toThrow('does not have the length of its `content-length`');
  expect(targets).toEqual(['/v1/things?q=1']);
});

test('passes on a body of the declared length with that length', async () => {
  const call = serve(async (request, response) => {
    response.end(`${request.headers['content-length']} ${await readText(request)}`);
  });
  expect(await (await call(post('four', { headers: { 'content-length': '4' } }))).text()).toBe('4 four');
});

test('rejects a request whose body was read before', async () => {
  const request = post('text');
  await request.text();
  await expect(serve((_request, response) => response.end())(request)).rejects.toThrow('was read before');
});

test('gives the server the address of the client', async () => {
  const call = serve(({ socket }, response) => response.end(String(socket.remoteAddress)));
  expect(await (await call(new Request(url), { clientAddress: '2001:db8::7' })).text()).toBe('2001:db8::7');
  expect(await (await call(new Request(url))).text()).toBe('undefined');
});

test.each([
  ['/tokens', '/tokens/v1/session?a=%2F', '/v1/session?a=%2F'],
  ['/tokens', '/tokens', '/'],
  ['/tokens', '/tokens?a', '/?a'],
  ['/api/tokens', '/api/tokens//v1/', '//v1/'],
  ['', '/v1/session', '/v1/session'],
])('below the prefix %j, the server receives for %s the target %s', async (pathPrefix, path, target) => {
  const call = serve((request, response) => response.end(request.url));
  expect(await (await call(new Request(`http://a${path}`), { pathPrefix })).text()).toBe(target);
});

test.each([
  ['another path', { pathPrefix: '/tokens' }, 'not below the `pathPrefix` /tokens'],
  ['a prefix that ends with a slash', { pathPrefix: '/v1/' }, '`pathPrefix` begins with /'],
  ['a prefix with a query', { pathPrefix: '/v1?a' }, '`pathPrefix` begins with /'],
  ['an address with a port', { clientAddress: '10.0.0.1:443' }, '`clientAddress` is no IP address'],
  ['the arguments of a framework', { incoming: {} } as object, 'the option `incoming` does not exist'],
])('rejects %s', async (_name, options, message) => {
  const calling = serve((_request, response) => response.end())(new Request(url), options);
  await expect(calling).rejects.toThrow(message);
  await expect(calling).rejects.toThrow(TypeError);
});

test('does not take `/tokensecret` for a path below `/tokens`', async () => {
  const call = serve((request, response) => response.end(request.url));
  await expect(call(new Request('http://a/tokensecret'), { pathPrefix: '/tokens' })).rejects.toThrow('not below');
});
