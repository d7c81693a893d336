import { promisify } from 'node:util';
import { createSandbox } from '@valetkey/sandbox';
import { expect, test } from 'vitest';
import { createBroker } from '../../src/create-broker.ts';
import { createSqliteStore } from '../../src/storage/sqlite-store.ts';
import type { Store } from '../../src/storage/store.ts';
import { configureFor, startWatchedBroker } from '../support/watched-broker.ts';

const proxy = '/v1/vendors/nymbl/proxy/Patients';

test('a caller who asks too often is told when to come again; others are served, and no vendor is asked', async () => {
  await using sandbox = await createSandbox();
  const config = { ...configureFor(sandbox), callerLimits: { requestsPerMinute: 5 } };
  await using broker = await startWatchedBroker(config);
  const [alice, bob] = [await sandbox.mintUserToken({ sub: 'alice' }), await sandbox.mintUserToken({ sub: 'bob' })];
  const storm = await Promise.all(Array.from({ length: 50 }, () => broker.issue('nudge', alice)));
  expect(storm.filter(({ status }) => status === 200)).toHaveLength(5);
  const refused = storm.filter(({ status }) => status === 429);
  expect(refused).toHaveLength(45);
  expect(await refused[0]?.json()).toMatchObject({ code: 'rate_limited' });
  expect(Number(refused[0]?.headers.get('retry-after'))).toBeGreaterThan(0);
  expect(sandbox.calls()['nudge']).toEqual({ 'GET /api/clients/jwt/token': 5 });
  expect((await broker.issue('nudge', bob)).status).toBe(200);
  expect((await broker.call('/v1/session', alice)).status).toBe(429);
  expect((await broker.call('/v1/resolve', alice)).headers.get('x-valetkey-session-valid')).toBe('true');
});

test('a caller who holds all its places waits for one; others are served', async () => {
  await using sandbox = await createSandbox();
  const config = { ...configureFor(sandbox, 20_000), callerLimits: { concurrentProxyCalls: 3 } };
  await using broker = await startWatchedBroker(config);
  const [alice, bob] = [await sandbox.mintUserToken({ sub: 'alice' }), await sandbox.mintUserToken({ sub: 'bob' })];
  expect((await broker.call(proxy, alice)).status).toBe(200);

  sandbox.setFaults([{ vendor: 'nymbl', route: 'GET /Patients', fault: { type: 'hang' }, count: 3 }]);
  sandbox.resetCalls();
  const leaving = new AbortController();
  const held = Array.from({ length: 3 }, () => broker.call(proxy, alice, { signal: leaving.signal }));
  await expect.poll(() => sandbox.calls()['nymbl']?.['GET /Patients'], { interval: 5 }).toBe(3);
  const refused = await broker.call(proxy, alice);
  expect([refused.status, refused.headers.get('retry-after')]).toEqual([429, '1']);
  expect((await broker.call(proxy, bob)).status).toBe(200);
  leaving.abort();
  await Promise.allSettled(held);
  await expect.poll(async () => (await broker.call(proxy, alice)).status, { interval: 10 }).toBe(200);
});

test('a caller who leaves while it is found out who it is keeps no place', async () => {
  await using sandbox = await createSandbox();
  const store = createSqliteStore(':memory:');
  const { promise: found, resolve: find } = Promise.withResolvers<void>();
  let asked = 0;
  const slowStore: Store = {
    ...store,
    isBlocked: async (person) => {
      asked += 1;
      await found;
      return store.isBlocked(person);
    },
  };
  const config = { ...configureFor(sandbox), callerLimits: { concurrentProxyCalls: 2 } };
  const broker = createBroker({ ...config, log: { level: 'silent' } }, { store: slowStore });
  const { brokerUrl } = await broker.listen();
  const headers = { authorization: `Bearer ${await sandbox.mintUserToken({ sub: 'alice' })}` };
  const leaving = new AbortController();
  const left = Array.from({ length: 5 }, () => fetch(brokerUrl + proxy, { headers, signal: leaving.signal }));
  await expect.poll(() => asked).toBe(5);
  leaving.abort();
  await Promise.allSettled(left);
  const { server } = broker.app;
  await expect.poll(() => promisify(server.getConnections.bind(server))(), { interval: 5 }).toBe(0);
  find();
  await expect.poll(async () => (await fetch(brokerUrl + proxy, { headers })).status, { interval: 10 }).toBe(200);
  expect(sandbox.calls()['nymbl']?.['GET /Patients']).toBe(1);
  await broker.close();
});
