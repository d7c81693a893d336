import { createSandbox, type Sandbox } from '@valetkey/sandbox';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { startEarlyResponseVendor } from '../support/early-response-vendor.ts';
import { openRawConnection, sendBytes } from '../support/raw-connection.ts';
import { createConfigFor, startRecordingBroker, type RecordingBroker } from '../support/recording-broker.ts';

const proxyPath = '/v1/vendors/nymbl/proxy/Patients';

let sandbox: Sandbox;
let broker: RecordingBroker;
let alice: string;
/** The head fields of a request that alice sends. */
let aliceHeaders: string;
beforeAll(async () => {
  sandbox = await createSandbox();
  broker = await startRecordingBroker(createConfigFor(sandbox));
  alice = await sandbox.mintUserToken({ sub: 'alice' });
  aliceHeaders = `Host: x\r\nAuthorization: Bearer ${alice}\r\n`;
});
beforeEach(async () => {
  sandbox.setFaults([]);
  // This call gives the broker a server token.
  await broker.call(proxyPath, alice);
  sandbox.resetCalls();
});
afterAll(async () => {
  await broker.broker.close();
  await sandbox.close();
});

const refuseTokenOnce = () =>
  sandbox.setFaults([{ vendor: 'nymbl', fault: { type: 'status', status: 401 }, count: 1 }]);
const countTokenCalls = () => sandbox.calls()['nymbl-idp']?.['POST /oauth2/token'] ?? 0;
const countProxiedPosts = () => sandbox.calls()['nymbl']?.['POST /Patients'] ?? 0;
const post = (body: unknown) =>
  broker.call(proxyPath, alice, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: body as string,
    duplex: 'half',
  } as RequestInit);
const streamOf = (...chunks: string[]) => ReadableStream.from(chunks.map((chunk) => Buffer.from(chunk)));

test.each([
  ['of known length', () => '{"firstName":"Zoe"}'],
  ['in chunks', () => streamOf('{"first', 'Name":"Zoe"}')],
])(
  'sends a short body %s once more with a new server token after the vendor refused the first token',
  async (_name, body) => {
    refuseTokenOnce();
    const response = await post(body());
    expect([response.status, ((await response.json()) as { firstName: string }).firstName]).toEqual([201, 'Zoe']);
    expect([countProxiedPosts(), countTokenCalls()]).toEqual([2, 1]);
  },
);

test('does not send a long body again after the vendor refused the server token, and renews it for the next call', async () => {
  refuseTokenOnce();
  const longBody = () => streamOf(`{"note":"${'x'.repeat(70_000)}`, '"}');
  expect(await (await post(longBody())).json()).toMatchObject({ code: 'vendor_auth_failed' });
  expect(countProxiedPosts()).toBe(1);
  expect((await post(longBody())).status).toBe(201);
  expect(countTokenCalls()).toBe(1);
});

test('ignores the body of a GET, and sends the call again after the vendor refused the server token', async () => {
  refuseTokenOnce();
  const withBody = `GET ${proxyPath} HTTP/1.1\r\n${aliceHeaders}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n`;
  const next = `GET /v1/session HTTP/1.1\r\n${aliceHeaders}Connection: close\r\n\r\n`;
  const { statuses } = await sendBytes(broker.brokerUrl, [withBody, next]);
  expect(statuses).toEqual([200, 200]);
  expect(countTokenCalls()).toBe(1);
});

test.each([
  ['reset', 503],
  ['status', 409],
  ['redirect', 502],
] as const)(
  'does not read the rest of a body as the next request when the vendor responds before it has read the body (%s)',
  async (kind, status) => {
    await using vendor = await startEarlyResponseVendor(kind);
    const config = createConfigFor(sandbox);
    await using earlyBroker = await startRecordingBroker({
      ...config,
      vendors: { ...config.vendors, nymbl: { ...config.vendors.nymbl, baseUrl: vendor.url } },
    });
    const connection = openRawConnection(earlyBroker.brokerUrl);
    void connection.write(
      `POST ${proxyPath} HTTP/1.1\r\n${aliceHeaders}Content-Length: 1000000\r\n\r\n${'x'.repeat(1_000_000)}`,
    );
    await connection.read((text) => text.includes('HTTP/1.1'));
    void connection.write(`GET /v1/session HTTP/1.1\r\n${aliceHeaders}Connection: close\r\n\r\n`);
    const response = await connection.read();
    const closesAfterFirst = /^connection: close\r$/im.test(response.text.split('HTTP/1.1')[1] ?? '');
    expect(response.statuses).toEqual(closesAfterFirst ? [status] : [status, 200]);
    expect(response.closed).toBe(true);
  },
);

test('logs and counts a proxied response that breaks off', async () => {
  sandbox.setFaults([{ vendor: 'nymbl', fault: { type: 'reset', when: 'mid-body' } }]);
  const response = await broker.call(proxyPath, alice);
  expect(response.status).toBe(200);
  await expect(response.text()).rejects.toThrow('terminated');
  expect(broker.logLines().find((line) => line.includes('response was cut off'))).toMatch(
    /"connection":"nymbl".*"reason":/,
  );
  const metrics = await (await fetch(`${broker.adminUrl}/metrics`)).text();
  expect(metrics).toMatch(/valetkey_problems_total\{code="vendor_unavailable",reason="[^"]+"\} 1/);
});
