import { promisify } from 'node:util';
import { createSandbox } from '@valetkey/sandbox';
import { expect, test } from 'vitest';
import { createBroker } from '../../src/create-broker.ts';
import { createSqliteStore } from '../../src/storage/sqlite-store.ts';
import type { Store } from '../../src/storage/store.ts';
import { createConfigFor, startRecordingBroker } from '../support/recording-broker.ts';
import { createVirtualClock } from '../support/virtual-clock.ts';

const proxyPath = '/v1/vendors/nymbl/proxy/Patients';
const polling = { interval: 5, timeout: 10_000 };

test('refuses a principal’s requests above `requestsPerMinute` with Retry-After and without calling a vendor, and serves other principals', async () => {
  const clock = createVirtualClock();
  await using sandbox = await createSandbox({ clock });
  const config = { ...createConfigFor(sandbox), callerLimits: { requestsPerMinute: 5 } };
  await using broker = await startRecordingBroker(config, { clock });
  const [alice, bob] = [await sandbox.mintUserToken({ sub: 'alice' }), await sandbox.mintUserToken({ sub: 'bob' })];
  const responses = await Promise.all(Array.from({ length: 50 }, () => broker.issue('nudge', alice)));
  expect(responses.filter(({ status }) => status === 200)).toHaveLength(5);
  const refused = responses.filter(({ status }) => status === 429);
  expect(refused).toHaveLength(45);
  expect(await refused[0]?.json()).toMatchObject({ code: 'rate_limited' });
  const retryAfterSeconds = Number(refused[0]?.headers.get('retry-after'));
  expect(retryAfterSeconds).toBeGreaterThan(0);
  expect(sandbox.calls()['nudge']).toEqual({ 'GET /api/clients/jwt/token': 5 });
  expect((await broker.issue('nudge', bob)).status).toBe(200);
  expect((await broker.call('/v1/session', alice)).status).toBe(429);
  expect((await broker.call('/v1/resolve', alice)).headers.get('x-valetkey-session-valid')).toBe('true');
  clock.advance(retryAfterSeconds * 1_000);
  expect((await broker.call('/v1/session', alice)).status).toBe(200);
});

test('refuses a proxied call while `concurrentProxyCalls` calls of its principal are running, and serves other principals', async () => {
  await using sandbox = await createSandbox();
  const config = { ...createConfigFor(sandbox), callerLimits: { concurrentProxyCalls: 3 } };
  await using broker = await startRecordingBroker(config);
  const [alice, bob] = [await sandbox.mintUserToken({ sub: 'alice' }), await sandbox.mintUserToken({ sub: 'bob' })];
  expect((await broker.call(proxyPath, alice)).status).toBe(200);

  sandbox.setFaults([{ vendor: 'nymbl', route: 'GET /Patients', fault: { type: 'hang' }, count: 3 }]);
  sandbox.resetCalls();
  const disconnect = new AbortController();
  const running = Array.from({ length: 3 }, () => broker.call(proxyPath, alice, { signal: disconnect.signal }));
  await expect.poll(() => sandbox.calls()['nymbl']?.['GET /Patients'], polling).toBe(3);
  const refused = await broker.call(proxyPath, alice);
  expect([refused.status, refused.headers.get('retry-after')]).toEqual([429, '1']);
  expect((await broker.call(proxyPath, bob)).status).toBe(200);
  disconnect.abort();
  await Promise.allSettled(running);
  await expect.poll(async () => (await broker.call(proxyPath, alice)).status, polling).toBe(200);
});

test('does not count a proxied call as running if its caller disconnects during authentication', async () => {
  await using sandbox = await createSandbox();
  const store = createSqliteStore(':memory:');
  const { promise: released, resolve: release } = Promise.withResolvers<void>();
  let lookups = 0;
  const slowStore: Store = {
    ...store,
    isBlocked: async (principal) => {
      lookups += 1;
      await released;
      return store.isBlocked(principal);
    },
  };
  const config = { ...createConfigFor(sandbox), callerLimits: { concurrentProxyCalls: 2 } };
  const broker = createBroker({ ...config, log: { level: 'silent' } }, { store: slowStore });
  const { brokerUrl } = await broker.listen();
  const headers = { authorization: `Bearer ${await sandbox.mintUserToken({ sub: 'alice' })}` };
  const disconnect = new AbortController();
  const calls = Array.from({ length: 5 }, () => fetch(brokerUrl + proxyPath, { headers, signal: disconnect.signal }));
  await expect.poll(() => lookups, polling).toBe(5);
  disconnect.abort();
  await Promise.allSettled(calls);
  const { server } = broker.app;
  await expect.poll(() => promisify(server.getConnections.bind(server))(), polling).toBe(0);
  release();
  await expect.poll(async () => (await fetch(brokerUrl + proxyPath, { headers })).status, polling).toBe(200);
  expect(sandbox.calls()['nymbl']?.['GET /Patients']).toBe(1);
  await broker.close();
});
