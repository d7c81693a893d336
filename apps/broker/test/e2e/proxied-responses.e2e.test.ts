import { once } from 'node:events';
import { connect } from 'node:net';
import { createSandbox, type Sandbox } from '@valetkey/sandbox';
import { proxyRequestHeaders, proxyResponseHeaders } from '@valetkey/vendor-clients';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openRawConnection } from '../support/raw-connection.ts';
import { createConfigFor, startRecordingBroker } from '../support/recording-broker.ts';
import { startWrittenVendor } from '../support/written-vendor.ts';

const proxyRoute = '/v1/vendors/nymbl/proxy';

let sandbox: Sandbox;
let alice: string;
let bob: string;
beforeAll(async () => {
  sandbox = await createSandbox();
  alice = await sandbox.mintUserToken({ sub: 'alice' });
  bob = await sandbox.mintUserToken({ sub: 'bob' });
});
afterAll(() => sandbox.close());

function startBrokerFor(vendorUrl: string, options: object = {}) {
  const config = createConfigFor(sandbox);
  const nymbl = { ...config.vendors.nymbl, baseUrl: vendorUrl, ...options };
  return startRecordingBroker({ ...config, vendors: { ...config.vendors, nymbl } });
}

test('passes on every documented header in both directions, and no other one', async () => {
  const own = { location: '/api/Patients(1)', 'content-length': '2', 'content-encoding': 'identity' };
  let received: Readonly<Record<string, unknown>> = {};
  await using vendor = await startWrittenVendor((response, { headers }) => {
    received = headers;
    for (const name of [...proxyResponseHeaders, 'server', 'x-internal', 'cache-control', 'valet-key'])
      response.setHeader(name, 'x');
    for (const [name, value] of Object.entries(own)) response.setHeader(name, value);
    response.end('{}');
  });
  await using broker = await startBrokerFor(`${vendor.url}/api`);
  const sent = Object.fromEntries([...proxyRequestHeaders, 'cookie', 'x-internal'].map((name) => [name, 'x']));
  const response = await broker.call(`${proxyRoute}/Patients`, alice, { headers: sent });
  const headers = Object.fromEntries(response.headers);
  expect(headers).toMatchObject({
    ...Object.fromEntries(proxyResponseHeaders.map((name) => [name, 'x'])),
    ...own,
    location: `${vendor.url}/api/Patients(1)`,
    'cache-control': 'no-store',
    'valet-key': 'vendor',
  });
  expect(Object.keys(headers)).not.toEqual(expect.arrayContaining(['x-internal']));
  expect(Object.keys(headers)).not.toEqual(expect.arrayContaining(['server']));
  // `fetch` itself adds a value to `accept-encoding`.
  expect(received).toMatchObject(
    Object.fromEntries(proxyRequestHeaders.map((name) => [name, expect.stringMatching(/^x/)])),
  );
  expect(received).not.toHaveProperty('cookie');
  expect(received).not.toHaveProperty('x-internal');
});

test('passes on the head of a response before the vendor has sent a byte of the body', async () => {
  const { promise: headArrived, resolve: confirmHead } = Promise.withResolvers<void>();
  await using vendor = await startWrittenVendor((response) => {
    response.writeHead(200, { etag: '"1"' }).flushHeaders();
    void headArrived.then(() => response.end('body'));
  });
  await using broker = await startBrokerFor(vendor.url);
  const response = await broker.call(`${proxyRoute}/Patients`, alice);
  expect(response.headers.get('etag')).toBe('"1"');
  confirmHead();
  expect(await response.text()).toBe('body');
});

test.each([
  ['the vendor', {}],
  ['the time limit of the body', { streamTimeoutMs: 300 }],
  ['the size limit of the body', { maxResponseBytes: 6_000 }],
])('to an HTTP/1.0 client, a body that is cut off by %s ends with a reset', async (cutBy, options) => {
  await using vendor = await startWrittenVendor((response) => {
    response.writeHead(200).write('x'.repeat(5_000));
    if (cutBy === 'the vendor') setImmediate(() => response.socket?.destroy());
    if (cutBy === 'the size limit of the body') response.write('x'.repeat(5_000));
  });
  await using broker = await startBrokerFor(vendor.url, options);
  const { hostname, port } = new URL(broker.brokerUrl);
  const socket = connect(Number(port), hostname).resume();
  socket.write(`GET ${proxyRoute}/Patients HTTP/1.0\r\nAuthorization: Bearer ${alice}\r\n\r\n`);
  await expect(once(socket, 'end')).rejects.toMatchObject({ code: 'ECONNRESET' });
});

test('passes on the bytes of a header that are not ASCII, in both directions', async () => {
  const bytes = Buffer.from('x="\xfc\xc3\xbc"', 'latin1');
  let received = '';
  await using vendor = await startWrittenVendor((response, { headers }) => {
    received = String(headers['content-disposition']);
    response.socket?.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Disposition: ');
    response.socket?.write(bytes);
    response.socket?.end('\r\n\r\n{}');
  });
  await using broker = await startBrokerFor(vendor.url);
  const connection = openRawConnection(broker.brokerUrl);
  await connection.write(`GET ${proxyRoute}/Patients HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${alice}\r\n`);
  await connection.write('Connection: close\r\nContent-Disposition: ');
  await connection.write(bytes);
  await connection.write('\r\n\r\n');
  const { text } = await connection.read();
  expect(received).toBe(bytes.toString('latin1'));
  expect(text).toContain(`content-disposition: ${bytes.toString('latin1')}\r\n`);
});

test.each([
  ['the whole URL', (path: string) => `http://broker.example${path}`],
  ['an encoded letter in the route', (path: string) => path.replace('proxy', 'pro%78y')],
])('calls the path of a request whose target has %s', async (_, targetOf) => {
  const called: string[] = [];
  await using vendor = await startWrittenVendor((response, { url = '' }) => {
    called.push(url);
    response.end('{}');
  });
  await using broker = await startBrokerFor(`${vendor.url}/api`);
  for (const path of ['/Patients?', `?url=${encodeURIComponent(`${vendor.url}/api/Patients?a=%20`)}`]) {
    const connection = openRawConnection(broker.brokerUrl);
    const head = `Host: x\r\nAuthorization: Bearer ${alice}\r\nConnection: close\r\n\r\n`;
    await connection.write(`GET ${targetOf(`${proxyRoute}${path}`)} HTTP/1.1\r\n${head}`);
    expect((await connection.read()).statuses).toEqual([200]);
  }
  expect(called).toEqual(['/api/Patients?', '/api/Patients?a=%20']);
});

test('calls an absolute link of the vendor, and refuses a link to anywhere else without calling the vendor', async () => {
  const called: string[] = [];
  await using vendor = await startWrittenVendor((response, { url = '' }) => {
    called.push(url);
    response.end('{}');
  });
  await using broker = await startBrokerFor(`${vendor.url}/api`);
  const follow = (...links: string[]) =>
    broker.call(`${proxyRoute}?${new URLSearchParams(links.map((link): [string, string] => ['url', link]))}`, alice);
  const next = `${vendor.url}/api/Patients?$skiptoken=a%20b&$top=2`;
  expect((await follow(next)).status).toBe(200);
  expect(called).toEqual(['/api/Patients?$skiptoken=a%20b&$top=2']);
  for (const link of ['https://evil.example/api/Patients', `${vendor.url}/Patients`, `${vendor.url}/api/../x`, '']) {
    const refused = await follow(link);
    expect([refused.status, await refused.json()]).toMatchObject([400, { code: 'invalid_request' }]);
  }
  expect((await follow(next, next)).status).toBe(400);
  expect((await follow(`${vendor.url}/api/Secrets`)).status).toBe(403);
  expect((await broker.call(proxyRoute, alice)).status).toBe(400);
  expect((await broker.call(`${proxyRoute}?url=${encodeURIComponent(next)}`)).status).toBe(401);
  expect(called).toHaveLength(1);
});

test('serves other principals while the responses to 70 calls of one principal do not end', async () => {
  let calls = 0;
  await using vendor = await startWrittenVendor((response) => {
    calls += 1;
    response.writeHead(200, { 'content-length': 12_000_000 });
    if (response.req.method === 'HEAD') response.end();
    else response.write('the first part');
  });
  const allow = ['GET', 'HEAD'].map((method) => ({ method, path: '/Patients' }));
  await using broker = await startBrokerFor(vendor.url, { allow, maxResponseBytes: 20_000_000 });
  const { hostname, port } = new URL(broker.brokerUrl);
  const open = Array.from({ length: 70 }, () => {
    const socket = connect(Number(port), hostname).on('error', () => undefined);
    socket.write(`GET ${proxyRoute}/Patients HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${alice}\r\n\r\n`);
    return socket;
  });
  await expect.poll(() => calls, { timeout: 10_000 }).toBe(64);
  const responses = await Promise.all(
    Array.from({ length: 10 }, () => broker.call(`${proxyRoute}/Patients`, bob, { method: 'HEAD' })),
  );
  expect(responses.map(({ status }) => status)).toEqual(Array.from({ length: 10 }, () => 200));
  for (const socket of open) socket.destroy();
});

test('serves a burst of 200 calls of one principal alone', async () => {
  await using vendor = await startWrittenVendor((response) => void response.end('{}'));
  await using broker = await startBrokerFor(vendor.url);
  const calls = Array.from({ length: 200 }, () => broker.call(`${proxyRoute}/Patients`, alice));
  expect(new Set((await Promise.all(calls)).map(({ status }) => status))).toEqual(new Set([200]));
});
