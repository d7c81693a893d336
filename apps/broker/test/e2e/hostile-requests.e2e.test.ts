import { connect } from 'node:net';
import { errorTable, problemSchema, type ErrorCode } from '@valetkey/core-types';
import { createSandbox, type Sandbox } from '@valetkey/sandbox';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { describeDecision } from '../../src/cli/banner.ts';
import { nastyJson } from '../support/nasty-json.ts';
import { sendBytes, type RawAnswer, type SendOptions } from '../support/raw-http.ts';
import { configureFor, startWatchedBroker, type WatchedBroker } from '../support/watched-broker.ts';

let sandbox: Sandbox;
let broker: WatchedBroker;
let alice: string;
let host: string;
/** The header fields that a good request of Alice has. */
let good: string;
beforeAll(async () => {
  sandbox = await createSandbox();
  broker = await startWatchedBroker(configureFor(sandbox, 2_000));
  alice = await sandbox.mintUserToken({ sub: 'alice' });
  ({ host } = new URL(broker.brokerUrl));
  good = `Host: ${host}\r\nAuthorization: Bearer ${alice}\r\n`;
});
afterAll(async () => {
  await broker[Symbol.asyncDispose]();
  await sandbox.close();
});

/** Whatever was sent: the broker is there afterwards, and nothing went wrong inside. */
afterEach(async () => {
  const startedAt = performance.now();
  const { status } = await broker.call('/healthz');
  const isQuick = performance.now() - startedAt < 1_000;
  const failures = broker.logLines().filter((line) => (JSON.parse(line) as { level: number }).level >= 50);
  if (status !== 200 || !isQuick || failures.length > 0) throw new Error(`not well afterwards: ${failures.join()}`);
});

const send = (text: string | Buffer, options?: SendOptions) => sendBytes(broker.brokerUrl, [text], options);
const close = 'Connection: close\r\n';
const token = 'POST /v1/vendors/nudge/token HTTP/1.1\r\n';
const json = 'Content-Type: application/json\r\n';

/** The codes of the problems in an answer, each of them well-formed. */
function codesOf({ text }: RawAnswer): ErrorCode[] {
  return [...text.matchAll(/application\/problem\+json.*?\r\n\r\n(\{.*?\})(?=HTTP|$)/gs)].map(([, body = '']) => {
    const problem = problemSchema.parse(JSON.parse(body));
    expect(errorTable[problem.code as ErrorCode].status).toBe(problem.status);
    return problem.code as ErrorCode;
  });
}

describe('a request that two readers could read two ways is refused, and its connection closed', () => {
  test.each<[string, () => string]>([
    ['two hosts', () => `GET /v1/session HTTP/1.1\r\n${good}Host: evil.example\r\n${close}\r\n`],
    ['no host', () => `GET /v1/session HTTP/1.1\r\n${close}\r\n`],
    ['two tokens', () => `GET /v1/session HTTP/1.1\r\n${good}authorization: Bearer x\r\n${close}\r\n`],
    ['two proofs', () => `GET /v1/session HTTP/1.1\r\n${good}DPoP: a\r\nDPoP: b\r\n${close}\r\n`],
    [
      'two content types',
      () => `${token}${good}${json}Content-Type: text/plain\r\nContent-Length: 2\r\n${close}\r\n{}`,
    ],
    ['a length and chunks', () => `${token}${good}Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`],
    ['chunks and a length', () => `${token}${good}Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n`],
    ['two lengths', () => `${token}${good}Content-Length: 0\r\nContent-Length: 5\r\n\r\nhello`],
    ['a list of lengths', () => `${token}${good}Content-Length: 0, 5\r\n\r\nhello`],
    ['a length below zero', () => `${token}${good}Content-Length: -1\r\n\r\n`],
    ['a length with a sign', () => `${token}${good}Content-Length: +5\r\n\r\nhello`],
    ['chunked, and more', () => `${token}${good}Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n`],
    [
      'packed, then chunked',
      () => `${token}${good}Transfer-Encoding: gzip, chunked\r\nConnection: close\r\n\r\n0\r\n\r\n`,
    ],
    ['chunked, misspelt', () => `${token}${good}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n`],
    ['a space before the colon', () => `${token}${good}Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n`],
    [
      'a chunk size that is no number',
      () => `${token}${good}${json}Transfer-Encoding: chunked\r\n\r\nZZ\r\n{}\r\n0\r\n\r\n`,
    ],
    ['a chunk size too great', () => `${token}${good}${json}Transfer-Encoding: chunked\r\n\r\nffffffffffffffff1\r\n{}`],
    [
      'a chunk extension without end',
      () => `${token}${good}Transfer-Encoding: chunked\r\n\r\n2;${'x'.repeat(20_000)}\r\n{}`,
    ],
    [
      'a folded header',
      () => `GET /v1/session HTTP/1.1\r\nHost: ${host}\r\nAuthorization: Bearer\r\n ${alice}\r\n\r\n`,
    ],
    ['a NUL in a header', () => `GET /v1/session HTTP/1.1\r\n${good}X: a\0b\r\n\r\n`],
    ['a bare CR in a header', () => `GET /v1/session HTTP/1.1\r\n${good}X: a\rb\r\n\r\n`],
    ['lines that end in LF alone', () => `GET /healthz HTTP/1.1\nHost: ${host}\n\n`],
    ['a space in the path', () => `GET /v1/ses sion HTTP/1.1\r\n${good}\r\n`],
    ['headers of 20 kB', () => `GET /v1/session HTTP/1.1\r\n${good}X: ${'x'.repeat(20_000)}\r\n\r\n`],
    ['3000 headers', () => `GET /v1/session HTTP/1.1\r\n${good}${'A: b\r\n'.repeat(3_000)}\r\n`],
    ['HTTP/2 without asking', () => 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
    ['TLS on a plain port', () => '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03'],
  ])('%s', async (_, request) => {
    const answer = await send(request());
    expect(answer).toMatchObject({ statuses: [400], closed: true });
    expect(codesOf(answer)).toEqual(['invalid_request']);
  });

  test('requests whose answers are not read end their connection; as many as anybody sends do not', async () => {
    const many = (count: number) => `GET /openapi.json HTTP/1.1\r\nHost: ${host}\r\n\r\n`.repeat(count);
    const honest = await send(`${many(19)}GET /openapi.json HTTP/1.1\r\nHost: ${host}\r\n${close}\r\n`);
    expect(honest.statuses).toEqual(Array(20).fill(200));

    const socket = connect(Number(new URL(broker.brokerUrl).port), '127.0.0.1');
    socket.pause();
    const closed = new Promise((resolve) => socket.once('close', resolve));
    socket.on('error', () => undefined);
    for (let count = 0; count < 20; count += 1) socket.write(many(100));
    const peakBefore = process.memoryUsage().rss;
    // It learns of its end as soon as it reads.
    setTimeout(() => socket.resume(), 300);
    await closed;
    expect(process.memoryUsage().rss - peakBefore).toBeLessThan(200 * 2 ** 20);
    expect((await broker.call('/healthz')).status).toBe(200);
  });

  test('a long body that nobody will read ends the connection with its refusal', async () => {
    async function* endless(head: string) {
      yield head;
      for (let count = 0; count < 2_000; count += 1) yield `400\r\n${'x'.repeat(1_024)}\r\n`;
    }
    const chunked = `${json}Transfer-Encoding: chunked\r\n\r\n`;
    const stranger = await sendBytes(broker.brokerUrl, endless(`${token}Host: ${host}\r\n${chunked}`), {
      patienceMs: 5_000,
    });
    expect(stranger).toMatchObject({ statuses: [401], closed: true });
    expect(stranger.text).toMatch(/^connection: close\r$/im);
  });

  test('an expectation that nobody knows', async () => {
    expect(await send(`${token}${good}Expect: tea\r\n${close}\r\n`)).toMatchObject({ statuses: [417], closed: true });
  });

  test('a broken request behind a good one does not get into its answer', async () => {
    sandbox.setFaults([{ vendor: 'nymbl', fault: { type: 'drip', chunkBytes: 8, intervalMs: 20 } }]);
    const pieces = async function* () {
      yield `GET /v1/vendors/nymbl/proxy/Patients HTTP/1.1\r\n${good}\r\n`;
      await expect.poll(() => sandbox.calls()['nymbl']?.['GET /Patients']).toBe(1);
      // The head of the answer has to be out, which nothing but time tells from here.
      await new Promise((resolve) => setTimeout(resolve, 100));
      yield 'GARBAGE\r\n\r\n';
    };
    const answer = await sendBytes(broker.brokerUrl, pieces());
    sandbox.setFaults([]);
    expect(answer).toMatchObject({ statuses: [200], closed: true });
    expect(answer.text).not.toContain('problem');
  });
});

describe('what else a path and a method can be', () => {
  test.each<[string, string, ErrorCode]>([
    ['a double slash', 'GET //v1/session', 'not_found'],
    ['another authority behind a double slash', 'GET //evil.example/v1/session', 'not_found'],
    ['an encoded slash', 'POST /v1/vendors%2Fnudge/token', 'not_found'],
    ['an asterisk', 'OPTIONS *', 'not_found'],
    ['dots out of the proxy', 'GET /v1/vendors/nymbl/proxy/../../../healthz', 'forbidden'],
    ['encoded dots out of the proxy', 'GET /v1/vendors/nymbl/proxy/%2e%2e/%2e%2e/healthz', 'forbidden'],
    ['a fragment', 'GET /v1/vendors/nymbl/proxy/Patients#x', 'forbidden'],
    ['a backslash', 'GET /v1/vendors/nymbl/proxy\\Patients', 'not_found'],
    ['a semicolon', 'GET /v1/session;x=1', 'not_found'],
    ['another case', 'GET /V1/session', 'not_found'],
    ['a slash at the end', 'GET /v1/session/', 'not_found'],
    ['TRACE', 'TRACE /v1/session', 'method_not_allowed'],
    ['a method of WebDAV', 'PROPFIND /v1/session', 'method_not_allowed'],
    ['a POST to the forward-auth route', 'POST /v1/resolve', 'method_not_allowed'],
  ])('%s', async (_, line, code) => {
    const answer = await send(`${line} HTTP/1.1\r\n${good}Cookie: canary-cookie\r\n${close}Content-Length: 0\r\n\r\n`);
    expect(codesOf(answer)).toEqual([code]);
    expect(answer.text).not.toContain('canary-cookie');
    expect(answer.text).not.toContain(alice);
  });

  test('bytes beyond ASCII in a path are no request', async () => {
    const bytes = Buffer.from(`GET /v1/vendors/\xff\xfe/token HTTP/1.1\r\n${good}${close}\r\n`, 'latin1');
    expect((await send(bytes)).statuses).toEqual([400]);
  });

  test('an absolute address is its path, and its host is nothing to us', async () => {
    const answer = await send(`GET http://evil.example/v1/session HTTP/1.1\r\n${good}${close}\r\n`);
    expect(answer.statuses).toEqual([200]);
    expect(answer.text).not.toContain('evil.example');
    const proxied = await send(`GET http://x/v1/vendors/nymbl/proxy/Patients HTTP/1.1\r\n${good}${close}\r\n`);
    expect(codesOf(proxied)).toEqual(['forbidden']);
  });

  test('CONNECT leads nowhere, and nobody is upgraded', async () => {
    expect(await send(`CONNECT evil.example:443 HTTP/1.1\r\n${good}\r\n`)).toMatchObject({
      statuses: [],
      closed: true,
    });
    const upgrade = await send(`GET /healthz HTTP/1.1\r\n${good}Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n`, {
      until: (text) => text.includes('"ok"'),
    });
    expect(upgrade.statuses).toEqual([200]);
  });

  test('HEAD has no body, and resolve answers it as it answers GET', async () => {
    const [get, head] = await Promise.all(
      ['GET', 'HEAD'].map((method) => send(`${method} /v1/resolve HTTP/1.1\r\n${good}${close}\r\n`)),
    );
    const fields = (answer?: RawAnswer) => answer?.text.split('\r\n').filter((line) => line.startsWith('x-valetkey-'));
    expect(fields(head)).toEqual(fields(get));
    expect(fields(head)).toContain('x-valetkey-session-valid: true');
    expect(head?.text.split('\r\n\r\n')[1]).toBe('');
    expect((await send(`HEAD /v1/session HTTP/1.1\r\n${good}${close}\r\n`)).statuses).toEqual([405]);
  });

  test('three requests in one piece are three answers, each about its own caller', async () => {
    const bare = `Host: ${host}\r\n`;
    const answer = await send(
      `GET /v1/session HTTP/1.1\r\n${good}\r\nGET /v1/session HTTP/1.1\r\n${bare}\r\nGET /healthz HTTP/1.1\r\n${bare}${close}\r\n`,
    );
    expect(answer.statuses).toEqual([200, 401, 200]);
  });
});

describe('nobody is taken for another', () => {
  test('a token in a trailer is no token', async () => {
    const fields = `Host: ${host}\r\n${json}Transfer-Encoding: chunked\r\nTrailer: authorization\r\n${close}`;
    const body = `2\r\n{}\r\n0\r\nAuthorization: Bearer ${alice}\r\n\r\n`;
    expect(codesOf(await send(`${token}${fields}\r\n${body}`))).toEqual(['missing_token']);
  });

  test.each([
    'x-valetkey-user-id: bob',
    'x-valetkey-session-valid: true',
    'x_valetkey_user_id: bob',
    'x-authgear-user-id: bob',
    'x-forwarded-user: bob',
    'x-user: bob',
    'x-forwarded-for: 127.0.0.1',
    'forwarded: for=127.0.0.1',
    'x-forwarded-uri: /healthz',
    'x-original-url: /healthz',
    'x-rewrite-url: /healthz',
    'x-http-method-override: GET',
    'user-agent: kube-probe/1.31',
    'user-agent: GoogleHC/1.0',
    '__proto__: bob',
    'constructor: bob',
    'cookie: session=bob',
  ])('by the header %s', async (field) => {
    const stranger = await send(`GET /v1/resolve HTTP/1.1\r\nHost: ${host}\r\n${field}\r\n${close}\r\n`);
    expect(stranger.statuses).toEqual([200]);
    expect(stranger.text).not.toMatch(/x-valetkey-|bob/);
    const refused = await send(`GET /v1/session HTTP/1.1\r\nHost: ${host}\r\n${field}\r\n${close}\r\n`);
    expect(codesOf(refused)).toEqual(['missing_token']);
    const known = await send(`GET /v1/resolve HTTP/1.1\r\n${good}${field}\r\n${close}\r\n`);
    expect(known.text).toContain('x-valetkey-user-id: alice\r\n');
    expect(known.text).not.toContain('bob');
  });

  test('by a subject that looks like another, or like a path', async () => {
    const subjects = [
      'é',
      'e\u0301',
      'E\u0301',
      'eve',
      'Eve',
      'eve ',
      ' eve',
      'eve\u0000',
      'eve|a',
      'eve:a',
      '__proto__',
    ];
    const others = [
      'constructor',
      '../../eve',
      '%2e%2e%2feve',
      '%65ve',
      'eve\r\nX: y',
      '😀',
      '\ufffd',
      'e'.repeat(255),
    ];
    const users = new Set<string>();
    for (const sub of [...subjects, ...others]) {
      const eve = await sandbox.mintUserToken({ sub });
      const nabla = (await (await broker.issue('nabla', eve)).json()) as { access_token: string };
      const payload = Buffer.from(nabla.access_token.split('.')[1] ?? '', 'base64url').toString();
      expect((JSON.parse(payload) as { sub: string }).sub).toBe(sub);
      users.add(((await (await broker.issue('vital', eve)).json()) as { user_id: string }).user_id);
    }
    expect(users.size).toBe(subjects.length + others.length);
  });

  test('a subject full of line breaks stays inside its header and its log line', async () => {
    const before = broker.logLines().length;
    const sub = 'mallory\r\nx-valetkey-user-id: root\n{"level":60}\u2028\u2029\u001b[31m\u0085\u0000%0d%0a end ';
    const mallory = await sandbox.mintUserToken({ sub });
    const request = `Host: ${host}\r\nAuthorization: Bearer ${mallory}\r\n${close}\r\n`;
    const answer = await send(`GET /v1/resolve HTTP/1.1\r\n${request}`);
    const [head = ''] = answer.text.split('\r\n\r\n');
    const fields = head.split('\r\n').filter((line) => line.startsWith('x-valetkey-user-id'));
    expect(fields.map((field) => decodeURIComponent(field.slice('x-valetkey-user-id: '.length)))).toEqual([sub]);
    await broker.issue('nowhere', mallory);
    for (const line of broker.logLines().slice(before))
      expect(JSON.parse(line)).toMatchObject({ level: expect.any(Number) });
    expect(broker.logLines().join('\n')).not.toContain('\u001b');
  });
});

test('what a stranger writes is one line of the log, if it is there at all', async () => {
  const evil = 'x\u2028y\u0085z\u009b31m\u001b[31m"}{"level":60';
  const before = broker.logLines().length;
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const forged = `${part({ alg: 'RS256', kid: `${evil}\r\n` })}.${part({ iss: `${evil}\r\n`, sub: evil })}.AAAA`;
  await broker.call('/v1/session', forged, { headers: { 'user-agent': 'x\u00ff"}{' } });
  await broker.call(`/v1/${encodeURIComponent(`${evil}\r\n{"level":60}`)}`);
  await broker.issue(encodeURIComponent(`${evil}\r\n{"level":60}`), alice);
  await broker.issue('nudge', alice, {
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ [`${evil}\r\n`]: 1 }),
  });
  const lines = broker.logLines().slice(before);
  expect(lines.length).toBeGreaterThan(3);
  for (const line of lines) {
    expect((JSON.parse(line) as { level: number }).level).toBeLessThan(60);
    // oxlint-disable-next-line no-control-regex
    expect(line).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/);
  }
});

test('the terminal of `valetkey dev` obeys no stranger', () => {
  const evil = '\u001b]0;owned\u0007\r\n\u2028';
  const line = describeDecision({
    at: '2026-01-01T00:00:00.000Z',
    requestId: 'r',
    operation: 'issue',
    connection: `v${evil}`,
    issuer: 'https://id.example',
    subject: `s${evil}`,
    vendorUserId: `u${evil}`,
    outcome: 'unknown_vendor',
  });
  expect(line).toMatch(/^[\x20-\x7e]+$/);
});

describe('bodies', () => {
  test('ten megabytes in chunks are refused at their first kilobytes', async () => {
    let sent = 0;
    const pieces = async function* () {
      yield `${token}${good}${json}Transfer-Encoding: chunked\r\n\r\n`;
      const chunk = 'x'.repeat(16_384);
      for (let count = 0; count < 640; count += 1) {
        sent += chunk.length;
        yield `4000\r\n${chunk}\r\n`;
        await new Promise((resolve) => setImmediate(resolve));
      }
    };
    const answer = await sendBytes(broker.brokerUrl, pieces());
    expect(answer).toMatchObject({ statuses: [413], closed: true });
    expect(codesOf(answer)).toEqual(['payload_too_large']);
    expect(sent).toBeLessThan(5_000_000);
  });

  test('a length too great is refused before its body', async () => {
    const answer = await send(`${token}${good}${json}Content-Length: 10000000\r\n\r\n`);
    expect(answer).toMatchObject({ statuses: [413], closed: true });
  });

  test.each(['gzip', 'br', 'deflate', 'gzip, identity', 'x'])('encoded as %s', async (encoding) => {
    const answer = await send(
      `${token}${good}${json}Content-Encoding: ${encoding}\r\nContent-Length: 2\r\n${close}\r\n{}`,
    );
    expect(codesOf(answer)).toEqual(['unsupported_media_type']);
  });

  test('that stop in the middle hold nothing up', async () => {
    const half = `${token}${good}${json}Content-Length: 50\r\n\r\n{"expiry`;
    const slow = Array.from({ length: 50 }, () => send(half, { patienceMs: 300 }));
    expect((await broker.issue('nudge', alice)).status).toBe(200);
    expect((await Promise.all(slow)).flatMap(({ statuses }) => statuses)).toEqual([]);
  });

  test('of nasty JSON are 400 or fine, quickly, and never a failure of ours', async () => {
    const statuses = new Set<number>();
    for (const body of nastyJson(1)) {
      const startedAt = performance.now();
      const response = await broker.issue('nudge', alice, { headers: { 'content-type': 'application/json' }, body });
      const text = await response.text();
      statuses.add(response.status);
      expect(response.status === 200 || problemSchema.parse(JSON.parse(text)).code === 'invalid_request').toBe(true);
      expect(performance.now() - startedAt).toBeLessThan(500);
    }
    expect([...statuses].toSorted()).toEqual([200, 400]);
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
  });
});
