import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createSandbox, sandboxCredentials } from '@valetkey/sandbox';
import { createClient } from 'redis';
import { afterAll, expect, onTestFinished, test } from 'vitest';
import { createBroker } from '../../src/create-broker.ts';
import { startValetkey } from '../support/valetkey-process.ts';
import { findRedis } from '../../../../packages/token-cache/src/testing/redis-server.ts';

const sharedRedis = await findRedis();
afterAll(() => sharedRedis?.stop());

const sealingKey = randomBytes(32).toString('base64');

/** Starts two brokers over one Redis and one sandbox, like replicas behind a load balancer. */
async function startReplicas(url: string) {
  const sandbox = await createSandbox();
  const prefix = `test-${randomBytes(6).toString('hex')}`;
  const { nymbl } = sandboxCredentials;
  const brokers = [1, 2].map(() =>
    createBroker({
      listen: { port: 0 },
      admin: { port: 0 },
      store: { sqlite: ':memory:' },
      log: { level: 'silent' },
      redis: { url, sealingKeys: [{ id: 'test', secret: sealingKey }], prefix },
      issuers: [{ issuer: sandbox.urls.idp, audiences: ['valetkey'] }],
      vendors: {
        nymbl: {
          baseUrl: sandbox.urls.nymbl,
          tokenUrl: `${sandbox.urls.nymblIdp}/oauth2/token`,
          clientId: nymbl.clientId,
          clientSecret: nymbl.clientSecret,
          apiKey: nymbl.apiKey,
          customer: { value: nymbl.customer },
          allow: [{ method: 'GET', path: '/Patients' }],
        },
      },
    }),
  );
  const listening = await Promise.all(brokers.map((broker) => broker.listen()));
  const urls = listening.map(({ brokerUrl }) => brokerUrl);
  const token = await sandbox.mintUserToken({ sub: 'alice' });
  const call = (replica: number) =>
    fetch(`${urls[replica]}/v1/vendors/nymbl/proxy/Patients`, { headers: { authorization: `Bearer ${token}` } });
  return {
    prefix,
    call,
    readReadiness: async () => {
      const response = await fetch(`${listening[0]?.adminUrl}/readyz`);
      return { status: response.status, parts: (await response.json()) as Record<string, string> };
    },
    countTokenCalls: () => sandbox.calls()['nymbl-idp']?.['POST /oauth2/token'] ?? 0,
    [Symbol.asyncDispose]: async () => {
      await Promise.all(brokers.map((broker) => broker.close()));
      await sandbox.close();
    },
  };
}

test.skipIf(!sharedRedis)('two replicas share one server token through Redis, which stores it sealed', async () => {
  const { url = '' } = sharedRedis ?? {};
  await using replicas = await startReplicas(url);
  const first = await replicas.call(0);
  expect(first.status).toBe(200);
  const others = await Promise.all(Array.from({ length: 40 }, (_, index) => replicas.call(index % 2)));
  expect(new Set(others.map(({ status }) => status))).toEqual(new Set([200]));
  expect(replicas.countTokenCalls()).toBe(1);
  expect(await replicas.readReadiness()).toMatchObject({ status: 200, parts: { redis: 'ok' } });

  const redis = await createClient({ url }).connect();
  const keys = await redis.keys(`${replicas.prefix}*`);
  onTestFinished(async () => {
    await redis.del(keys);
    redis.destroy();
  });
  const values = await Promise.all(keys.map((key) => redis.get(key)));
  expect(values.filter((value) => value?.startsWith('v1.test.'))).not.toEqual([]);
  // The pattern has two parts of a JWT, because sealed text may contain `eyJ` by chance.
  expect(`${keys.join()} ${values.join()}`).not.toMatch(/eyJ[\w-]+\.eyJ|acme-corp|sandbox-only/);
});

test('each replica keeps a server token of its own and serves every call while Redis is unreachable', async () => {
  await using replicas = await startReplicas('redis://127.0.0.1:9');
  // `/readyz` reports Redis before the first call uses Redis.
  expect(await replicas.readReadiness()).toMatchObject({ status: 200, parts: { redis: 'unreachable' } });
  const responses = await Promise.all([0, 1, 0, 1].map((replica) => replicas.call(replica)));
  expect(responses.map(({ status }) => status)).toEqual([200, 200, 200, 200]);
  expect(replicas.countTokenCalls()).toBe(2);
  expect(await replicas.readReadiness()).toMatchObject({ status: 200, parts: { redis: 'unreachable' } });
});

test.skipIf(!sharedRedis)('the bundled command connects to Redis', async () => {
  const { url = '' } = sharedRedis ?? {};
  await using sandbox = await createSandbox();
  const folder = await mkdtemp(join(tmpdir(), 'valetkey-redis-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  sandbox.nudge.setApiKeys(['key-of-the-redis-test']);
  const config = {
    store: { sqlite: ':memory:' },
    redis: { url, sealingKeys: [{ id: 'test', secret: sealingKey }], prefix: `test-${randomBytes(6).toString('hex')}` },
    issuers: [{ issuer: sandbox.urls.idp, audiences: ['valetkey'] }],
    vendors: { nudge: { baseUrl: sandbox.urls.nudge, apiKey: 'key-of-the-redis-test', timeoutMs: 20_000 } },
  };
  await writeFile(join(folder, 'valetkey.json'), JSON.stringify(config));
  await using doctor = startValetkey(['doctor', '--config', 'valetkey.json'], folder);
  expect([await doctor.exitCode, doctor.output()]).toEqual([0, expect.stringContaining('✓ redis: ok')]);
});
