import { createSandbox, type Fault, type Sandbox } from '@valetkey/sandbox';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startEarlyVendor } from '../support/early-vendor.ts';
import { sendBytes } from '../support/raw-http.ts';
import { configureFor, startWatchedBroker } from '../support/watched-broker.ts';

let sandbox: Sandbox;
let alice: string;
beforeAll(async () => {
  sandbox = await createSandbox();
  alice = await sandbox.mintUserToken({ sub: 'alice' });
  // Its keys are made on first use, which takes a while.
  await using broker = await startWatchedBroker(configureFor(sandbox, 10_000));
  await broker.call('/v1/vendors/nymbl/proxy/Patients', alice);
});
afterAll(() => sandbox.close());

/** A broker of its own, over a sandbox that is well and has counted nothing. */
async function start(timeoutMs = 5_000) {
  sandbox.setFaults([]);
  sandbox.resetCalls();
  const broker = await startWatchedBroker(configureFor(sandbox, timeoutMs));
  await broker.call('/v1/session', alice);
  return broker;
}

const proxy = '/v1/vendors/nymbl/proxy/Patients';
const tokenCalls = () => sandbox.calls()['nymbl-idp']?.['POST /oauth2/token'] ?? 0;
const isUnderWay = (count: () => number) => expect.poll(count, { interval: 5, timeout: 5_000 }).toBeGreaterThan(0);

describe('callers who share a server token', () => {
  test('the first leaves, and the others are served by the one call', async () => {
    await using broker = await start();
    sandbox.setFaults([{ vendor: 'nymbl-idp', fault: { type: 'latency', delayMs: 400 } }]);
    const leader = new AbortController();
    const led = broker.call(proxy, alice, { signal: leader.signal }).catch(() => 'left');
    await isUnderWay(tokenCalls);
    const followers = Array.from({ length: 20 }, () => broker.call(proxy, alice));
    const leaver = new AbortController();
    const left = broker.call(proxy, alice, { signal: leaver.signal }).catch(() => 'left');
    leader.abort();
    leaver.abort();
    const responses = await Promise.all(followers);
    expect([await led, await left]).toEqual(['left', 'left']);
    expect([...new Set(responses.map(({ status }) => status))]).toEqual([200]);
    expect(tokenCalls()).toBe(1);
  });

  test('everybody leaves, and the next one is served', async () => {
    await using broker = await start();
    sandbox.setFaults([{ vendor: 'nymbl-idp', fault: { type: 'latency', delayMs: 300 }, count: 1 }]);
    const leaving = new AbortController();
    const calls = Array.from({ length: 5 }, () => broker.call(proxy, alice, { signal: leaving.signal }));
    await isUnderWay(tokenCalls);
    leaving.abort();
    await Promise.allSettled(calls);
    expect((await broker.call(proxy, alice)).status).toBe(200);
    expect(broker.logLines().filter((line) => line.includes('"level":50'))).toEqual([]);
  });

  test('one failure is everybody’s, asked for once and not remembered for long', async () => {
    await using broker = await start();
    sandbox.setFaults([{ vendor: 'nymbl-idp', fault: { type: 'status', status: 401 } }]);
    const responses = await Promise.all(Array.from({ length: 30 }, () => broker.call(proxy, alice)));
    const codes = await Promise.all(responses.map(async (response) => (await response.json()) as { code: string }));
    expect([...new Set(codes.map(({ code }) => code))]).toEqual(['vendor_auth_failed']);
    expect(tokenCalls()).toBe(1);
    sandbox.setFaults([]);
    await expect
      .poll(async () => (await broker.call(proxy, alice)).status, { interval: 200, timeout: 15_000 })
      .toBe(200);
  });

  test('a caller who leaves is no failure of the vendor, however often', async () => {
    await using broker = await start();
    await broker.call(proxy, alice);
    sandbox.setFaults([{ vendor: 'nymbl', fault: { type: 'hang' } }]);
    const leaving = new AbortController();
    const calls = Array.from({ length: 40 }, () => broker.call(proxy, alice, { signal: leaving.signal }));
    await isUnderWay(() => sandbox.calls()['nymbl']?.['GET /Patients'] ?? 0);
    leaving.abort();
    await Promise.allSettled(calls);
    sandbox.setFaults([]);
    expect((await broker.call(proxy, alice)).status).toBe(200);
  });

  test('callers who stop in the middle of their bodies do not shut the vendor for others', async () => {
    await using broker = await start(500);
    await broker.call(proxy, alice);
    const head = `POST ${proxy} HTTP/1.1\r\nHost: ${new URL(broker.brokerUrl).host}\r\nAuthorization: Bearer ${alice}\r\n`;
    const bodies = [
      'Content-Length: 100\r\n\r\n{"half":',
      `Content-Length: 100000\r\n\r\n${'x'.repeat(70_000)}`,
      'Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n',
      'Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nZZ\r\n',
    ];
    const attacks = bodies.flatMap((body) =>
      Array.from({ length: 25 }, () => sendBytes(broker.brokerUrl, [head + body], { patienceMs: 1_000 })),
    );
    const answers = await Promise.all(attacks);
    expect([...new Set(answers.flatMap(({ statuses }) => statuses))]).toEqual([400]);
    expect((await broker.call(proxy, alice)).status).toBe(200);
    expect(broker.logLines().filter((line) => /"level":50|circuit_opened/.test(line))).toEqual([]);
  });
});

describe('a body that is refused its token', () => {
  const post = (
    broker: { call: (path: string, token: string, init: RequestInit) => Promise<Response> },
    body: unknown,
  ) =>
    broker.call(proxy, alice, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: body as string,
      duplex: 'half',
    } as RequestInit);
  const streamOf = (...chunks: string[]) => ReadableStream.from(chunks.map((chunk) => Buffer.from(chunk)));
  const refusedOnce = [{ vendor: 'nymbl', fault: { type: 'status', status: 401 }, count: 1 }] as const;
  const patients = () => sandbox.calls()['nymbl']?.['POST /Patients'] ?? 0;

  test.each([
    ['of a known length', () => '{"firstName":"Zoe"}'],
    ['in chunks', () => streamOf('{"first', 'Name":"Zoe"}')],
  ])('and is short, is sent once more with a new one (%s)', async (_name, body) => {
    await using broker = await start();
    await broker.call(proxy, alice);
    sandbox.resetCalls();
    sandbox.setFaults(refusedOnce);
    const response = await post(broker, body());
    expect([response.status, ((await response.json()) as { firstName: string }).firstName]).toEqual([201, 'Zoe']);
    expect([patients(), tokenCalls()]).toEqual([2, 1]);
  });

  test('and is long, is not, and the next call has a new one', async () => {
    await using broker = await start();
    await broker.call(proxy, alice);
    sandbox.resetCalls();
    sandbox.setFaults(refusedOnce);
    const long = () => streamOf(`{"note":"${'x'.repeat(70_000)}`, '"}');
    expect(await (await post(broker, long())).json()).toMatchObject({ code: 'vendor_auth_failed' });
    expect(patients()).toBe(1);
    expect((await post(broker, long())).status).toBe(201);
    expect(tokenCalls()).toBe(1);
  });

  test('of a GET means nothing, and stands in the way of nothing', async () => {
    await using broker = await start();
    await broker.call(proxy, alice);
    sandbox.resetCalls();
    sandbox.setFaults(refusedOnce);
    const { host } = new URL(broker.brokerUrl);
    const head = `GET ${proxy} HTTP/1.1\r\nHost: ${host}\r\nAuthorization: Bearer ${alice}\r\nTransfer-Encoding: chunked\r\n\r\n`;
    const { statuses } = await sendBytes(broker.brokerUrl, [`${head}0\r\n\r\n`], { patienceMs: 2_000 });
    expect(statuses).toEqual([200]);
    expect(tokenCalls()).toBe(1);
  });
});

test.each([
  ['reset', 503],
  ['status', 409],
  ['redirect', 502],
] as const)(
  'an answer that comes before the body is read (%s) leaves nothing of it to the next request',
  async (type, status) => {
    await using vendor = await startEarlyVendor(type);
    const config = configureFor(sandbox, 5_000);
    await using broker = await startWatchedBroker({
      ...config,
      vendors: { ...config.vendors, nymbl: { ...config.vendors.nymbl, baseUrl: vendor.url } },
    });
    const common = `Host: ${new URL(broker.brokerUrl).host}\r\nAuthorization: Bearer ${alice}\r\n`;
    const answered = Promise.withResolvers<void>();
    const twoRequests = async function* () {
      yield `POST ${proxy} HTTP/1.1\r\n${common}Content-Length: 1000000\r\n\r\n${'x'.repeat(1_000_000)}`;
      await answered.promise;
      yield `GET /v1/session HTTP/1.1\r\n${common}Connection: close\r\n\r\n`;
    };
    const until = (text: string) => {
      if (text.includes('HTTP/1.1')) answered.resolve();
      return false;
    };
    const answer = await sendBytes(broker.brokerUrl, twoRequests(), { patienceMs: 8_000, until });
    const isClosed = /^connection: close\r$/im.test(answer.text.split('HTTP/1.1')[1] ?? '');
    expect(answer.statuses).toEqual(isClosed ? [status] : [status, 200]);
    expect(answer.closed).toBe(true);
  },
);

describe('devices of one person at Vital', () => {
  const creations = () => sandbox.calls()['vital']?.['POST /v2/user'] ?? 0;

  test('the first leaves, and one user is made for the others', async () => {
    await using broker = await start();
    const carol = await sandbox.mintUserToken({ sub: 'carol' });
    sandbox.setFaults([{ vendor: 'vital', route: 'POST /v2/user', fault: { type: 'latency', delayMs: 300 } }]);
    const leader = new AbortController();
    const led = broker.issue('vital', carol, { signal: leader.signal }).catch(() => 'left');
    await isUnderWay(creations);
    const followers = Array.from({ length: 10 }, async () => (await broker.issue('vital', carol)).json());
    leader.abort();
    const users = (await Promise.all(followers)) as { user_id?: string }[];
    expect(await led).toBe('left');
    expect(new Set(users.map(({ user_id: userId }) => userId)).size).toBe(1);
    expect(users[0]?.user_id).toEqual(expect.any(String));
    expect(creations()).toBe(1);
  });

  test('a failed creation is shared, and the next one succeeds', async () => {
    await using broker = await start();
    const dave = await sandbox.mintUserToken({ sub: 'dave' });
    const refusal: Fault = { type: 'status', status: 422, body: { detail: [] } };
    sandbox.setFaults([
      { vendor: 'vital', route: 'POST /v2/user', fault: { type: 'latency', delayMs: 500 } },
      { vendor: 'vital', route: 'POST /v2/user', fault: refusal },
    ]);
    const responses = await Promise.all(Array.from({ length: 10 }, () => broker.issue('vital', dave)));
    expect([...new Set(responses.map(({ status }) => status))]).toEqual([502]);
    expect(creations()).toBe(1);
    sandbox.setFaults([]);
    expect((await broker.issue('vital', dave)).status).toBe(200);
  });
});

test('a proxied answer that is cut off reaches the operator, whom nobody else can tell', async () => {
  await using broker = await start(500);
  sandbox.setFaults([{ vendor: 'nymbl', fault: { type: 'reset', when: 'mid-body' } }]);
  const answer = await broker.call(proxy, alice);
  expect(answer.status).toBe(200);
  await expect(answer.text()).rejects.toThrow('terminated');
  expect(broker.logLines().find((line) => line.includes('response was cut off'))).toMatch(
    /"connection":"nymbl".*"reason":/,
  );
  const metrics = await (await fetch(`${broker.adminUrl}/metrics`)).text();
  expect(metrics).toMatch(/valetkey_problems_total\{code="vendor_unavailable",reason="[^"]+"\} 1/);
});
