import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import type { ErrorCode } from '@valetkey/core-types';
import { expect, test } from 'vitest';
import { readProblemCodes, useAttackedBroker } from '../support/attacked-broker.ts';
import { openRawConnection, sendBytes, type RawResponse } from '../support/raw-connection.ts';

const attacked = useAttackedBroker();
const { raw } = String;

const session = 'GET /v1/session HTTP/1.1\r\n';
const issue = 'POST /v1/vendors/nudge/token HTTP/1.1\r\n';
const json = 'Content-Type: application/json\r\n';
const close = 'Connection: close\r\n';
/** Returns a request of alice with additional header lines. */
const sessionWith = (lines: string) => `${session}${attacked.aliceHeaders}${lines}\r\n`;
const issueWith = (lines: string, body: string) => `${issue}${attacked.aliceHeaders}${lines}\r\n${body}`;

// Two HTTP parsers could read most of these differently; the others are not HTTP/1.1.
test.each<[string, () => string]>([
  ['a request with two Host headers', () => sessionWith(`Host: evil.example\r\n${close}`)],
  ['a request without a Host header', () => `${session}${close}\r\n`],
  ['a request with two Authorization headers', () => sessionWith(`authorization: Bearer x\r\n${close}`)],
  ['a request with two DPoP headers', () => sessionWith(`DPoP: a\r\nDPoP: b\r\n${close}`)],
  [
    'a request with two Content-Type headers',
    () => issueWith(`${json}Content-Type: text/plain\r\nContent-Length: 2\r\n${close}`, '{}'),
  ],
  [
    'a request with Content-Length before Transfer-Encoding',
    () => issueWith('Content-Length: 4\r\nTransfer-Encoding: chunked\r\n', '0\r\n\r\n'),
  ],
  [
    'a request with Transfer-Encoding before Content-Length',
    () => issueWith('Transfer-Encoding: chunked\r\nContent-Length: 4\r\n', '0\r\n\r\n'),
  ],
  ['a request with two Content-Length headers', () => issueWith('Content-Length: 0\r\nContent-Length: 5\r\n', 'hello')],
  ['a Content-Length that is a list', () => issueWith('Content-Length: 0, 5\r\n', 'hello')],
  ['a negative Content-Length', () => issueWith('Content-Length: -1\r\n', '')],
  ['a Content-Length with a plus sign', () => issueWith('Content-Length: +5\r\n', 'hello')],
  ['a transfer encoding after chunked', () => issueWith('Transfer-Encoding: chunked, identity\r\n', '0\r\n\r\n')],
  ['a transfer encoding before chunked', () => issueWith(`Transfer-Encoding: gzip, chunked\r\n${close}`, '0\r\n\r\n')],
  ['an unknown transfer encoding', () => issueWith('Transfer-Encoding: xchunked\r\n', '0\r\n\r\n')],
  ['a space before the colon of a header', () => issueWith('Transfer-Encoding : chunked\r\n', '0\r\n\r\n')],
  [
    'a chunk size that is not a number',
    () => issueWith(`${json}Transfer-Encoding: chunked\r\n`, 'ZZ\r\n{}\r\n0\r\n\r\n'),
  ],
  [
    'a chunk size of more than 64 bits',
    () => issueWith(`${json}Transfer-Encoding: chunked\r\n`, 'ffffffffffffffff1\r\n{}'),
  ],
  ['a chunk extension of 20 kB', () => issueWith('Transfer-Encoding: chunked\r\n', `2;${'x'.repeat(20_000)}\r\n{}`)],
  ['a folded header', () => `${session}Host: ${attacked.host}\r\nAuthorization: Bearer\r\n ${attacked.alice}\r\n\r\n`],
  ['a NUL in a header', () => sessionWith('X: a\0b\r\n')],
  ['a bare CR in a header', () => sessionWith('X: a\rb\r\n')],
  ['lines that end in LF alone', () => `GET /healthz HTTP/1.1\nHost: ${attacked.host}\n\n`],
  ['a space in the path', () => `GET /v1/ses sion HTTP/1.1\r\n${attacked.aliceHeaders}\r\n`],
  ['a header of 20 kB', () => sessionWith(`X: ${'x'.repeat(20_000)}\r\n`)],
  ['a request with 3,000 headers', () => sessionWith('A: b\r\n'.repeat(3_000))],
  ['an HTTP/2 preface', () => 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
  ['a TLS handshake', () => '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03'],
])('responds 400 to %s, and closes the TCP connection', async (_, createRequest) => {
  const response = await attacked.send(createRequest());
  expect(response).toMatchObject({ statuses: [400], closed: true });
  expect(readProblemCodes(response)).toEqual(['invalid_request']);
});

const closeOf = (socket: Socket) => new Promise((resolve) => socket.once('close', resolve));

test('serves 20 pipelined requests, and closes the TCP connection of a client that sends 2,000 and reads no response', async () => {
  const { broker, host, send } = attacked;
  const requests = (count: number) => `GET /openapi.json HTTP/1.1\r\nHost: ${host}\r\n\r\n`.repeat(count);
  const served = await send(`${requests(19)}GET /openapi.json HTTP/1.1\r\nHost: ${host}\r\n${close}\r\n`);
  expect(served.statuses).toEqual(Array(20).fill(200));

  const { server } = broker.broker.app;
  const socket = connect(Number(new URL(broker.brokerUrl).port), '127.0.0.1');
  const accepted = once(server, 'connection') as Promise<[Socket]>;
  socket.pause();
  socket.on('error', () => undefined);
  const residentBefore = process.memoryUsage().rss;
  for (let count = 0; count < 20; count += 1) socket.write(requests(100));
  const [serverSocket] = await accepted;
  expect(serverSocket.remotePort).toBe(socket.localPort);
  if (!serverSocket.destroyed) await closeOf(serverSocket);
  expect(process.memoryUsage().rss - residentBefore).toBeLessThan(200 * 2 ** 20);
  const closed = closeOf(socket);
  // The client notices that its TCP connection is closed once it reads.
  socket.resume();
  await closed;
  expect((await broker.call('/healthz')).status).toBe(200);
});

test('responds 401 to a long body of a caller without a token before all of it was sent, and closes the TCP connection', async () => {
  async function* sendEndlessly(head: string) {
    yield head;
    for (let count = 0; count < 2_000; count += 1) yield `400\r\n${'x'.repeat(1_024)}\r\n`;
  }
  const head = `${issue}Host: ${attacked.host}\r\n${json}Transfer-Encoding: chunked\r\n\r\n`;
  const response = await sendBytes(attacked.broker.brokerUrl, sendEndlessly(head));
  expect(response).toMatchObject({ statuses: [401], closed: true });
  expect(response.text).toMatch(/^connection: close\r$/im);
});

test('serves a request with an unknown expectation as if it had none', async () => {
  const response = await attacked.send(issueWith(`Expect: tea\r\n${close}`, ''));
  expect(response).toMatchObject({ statuses: [200], closed: true });
});

test('closes the TCP connection without a second response when malformed bytes follow a request that is being served', async () => {
  const { sandbox, broker, aliceHeaders } = attacked;
  sandbox.setFaults([{ vendor: 'nymbl', fault: { type: 'drip', chunkBytes: 8, intervalMs: 20 } }]);
  const connection = openRawConnection(broker.brokerUrl);
  await connection.write(`GET /v1/vendors/nymbl/proxy/Patients HTTP/1.1\r\n${aliceHeaders}\r\n`);
  await connection.read((text) => text.includes('HTTP/1.1 200'));
  await connection.write('GARBAGE\r\n\r\n');
  const response = await connection.read();
  sandbox.setFaults([]);
  expect(response).toMatchObject({ statuses: [200], closed: true });
  expect(response.text).not.toContain('problem');
});

test.each<[string, string, ErrorCode]>([
  ['with a double slash before the path', 'GET //v1/session', 'not_found'],
  ['with another host after a double slash', 'GET //evil.example/v1/session', 'not_found'],
  ['with an encoded slash in the path', 'POST /v1/vendors%2Fnudge/token', 'not_found'],
  ['for the target *', 'OPTIONS *', 'method_not_allowed'],
  ['with dots that leave the proxy path', 'GET /v1/vendors/nymbl/proxy/../../../healthz', 'forbidden'],
  ['with encoded dots that leave the proxy path', 'GET /v1/vendors/nymbl/proxy/%2e%2e/%2e%2e/healthz', 'forbidden'],
  ['with a fragment', 'GET /v1/vendors/nymbl/proxy/Patients#x', 'forbidden'],
  ['with a backslash in the path', raw`GET /v1/vendors/nymbl/proxy\Patients`, 'not_found'],
  ['with a semicolon in the path', 'GET /v1/session;x=1', 'not_found'],
  ['with a path in upper case', 'GET /V1/session', 'not_found'],
  ['with a slash at the end of the path', 'GET /v1/session/', 'not_found'],
  ['by TRACE', 'TRACE /v1/session', 'method_not_allowed'],
  ['by the WebDAV method PROPFIND', 'PROPFIND /v1/session', 'method_not_allowed'],
  ['by POST to /v1/resolve', 'POST /v1/resolve', 'method_not_allowed'],
])('refuses a request %s, and quotes neither its cookie nor its token', async (_, line, code) => {
  const { aliceHeaders, alice, send } = attacked;
  const response = await send(
    `${line} HTTP/1.1\r\n${aliceHeaders}Cookie: canary-cookie\r\n${close}Content-Length: 0\r\n\r\n`,
  );
  expect(readProblemCodes(response)).toEqual([code]);
  expect(response.text).not.toContain('canary-cookie');
  expect(response.text).not.toContain(alice);
});

test('responds 400 to a path with bytes outside ASCII', async () => {
  const request = `GET /v1/vendors/\xff\xfe/token HTTP/1.1\r\n${attacked.aliceHeaders}${close}\r\n`;
  expect((await attacked.send(Buffer.from(request, 'latin1'))).statuses).toEqual([400]);
});

test('routes an absolute target by its path and ignores its host', async () => {
  const { aliceHeaders, send } = attacked;
  const response = await send(`GET http://evil.example/v1/session HTTP/1.1\r\n${aliceHeaders}${close}\r\n`);
  expect(response.statuses).toEqual([200]);
  expect(response.text).not.toContain('evil.example');
  const proxied = await send(`GET http://x/v1/vendors/nymbl/proxy/Patients HTTP/1.1\r\n${aliceHeaders}${close}\r\n`);
  expect(proxied.statuses).toEqual([200]);
});

test('closes the TCP connection of a CONNECT request, and serves an upgrade request without upgrading', async () => {
  const { aliceHeaders, send } = attacked;
  expect(await send(`CONNECT evil.example:443 HTTP/1.1\r\n${aliceHeaders}\r\n`)).toMatchObject({
    statuses: [],
    closed: true,
  });
  const upgrade = await send(
    `GET /healthz HTTP/1.1\r\n${aliceHeaders}Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n`,
    (text) => text.includes('"ok"'),
  );
  expect(upgrade.statuses).toEqual([200]);
});

test('responds to HEAD /v1/resolve with the headers of GET and no body, and refuses HEAD on /v1/session', async () => {
  const { aliceHeaders, send } = attacked;
  const [get, head] = await Promise.all(
    ['GET', 'HEAD'].map((method) => send(`${method} /v1/resolve HTTP/1.1\r\n${aliceHeaders}${close}\r\n`)),
  );
  const identityHeaders = (response?: RawResponse) =>
    response?.text.split('\r\n').filter((line) => line.startsWith('x-valetkey-'));
  expect(identityHeaders(head)).toEqual(identityHeaders(get));
  expect(identityHeaders(head)).toContain('x-valetkey-session-valid: true');
  expect(head?.text.split('\r\n\r\n')[1]).toBe('');
  expect((await send(`HEAD /v1/session HTTP/1.1\r\n${aliceHeaders}${close}\r\n`)).statuses).toEqual([405]);
});

test('authenticates each of three pipelined requests by its own Authorization header', async () => {
  const withoutToken = `Host: ${attacked.host}\r\n`;
  const response = await attacked.send(
    `${sessionWith('')}${session}${withoutToken}\r\nGET /healthz HTTP/1.1\r\n${withoutToken}${close}\r\n`,
  );
  expect(response.statuses).toEqual([200, 401, 200]);
});
