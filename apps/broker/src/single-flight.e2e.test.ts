import { createSandbox, type Fault, type Sandbox } from '@valetkey/sandbox';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { sendBytes } from './testing/raw-http.ts';
import { configureFor, startWatchedBroker } from './testing/watched-broker.ts';

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
  expect(broker.logLines().find((line) => line.includes('answer was cut off'))).toMatch(/"vendor":"nymbl".*"reason":/);
  const metrics = await (await fetch(`${broker.adminUrl}/metrics`)).text();
  expect(metrics).toMatch(/valetkey_problems_total\{code="vendor_unavailable",reason="[^"]+"\} 1/);
});
