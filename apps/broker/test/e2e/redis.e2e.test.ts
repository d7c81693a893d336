import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect } from 'node:net';
import { createSandbox, sandboxCredentials } from '@valetkey/sandbox';
import { createClient } from 'redis';
import { expect, test } from 'vitest';
import { createBroker } from '../../src/create-broker.ts';
import { isProgramAvailable } from '../support/required-program.ts';

const redisUrl = process.env['REDIS_URL'] ?? 'redis://127.0.0.1:6379';

async function connectToRedis(): Promise<void> {
  const { hostname, port } = new URL(redisUrl);
  const socket = connect(Number(port || 6379), hostname);
  try {
    await once(socket, 'connect');
  } finally {
    socket.destroy();
  }
}

const hasRedis = await isProgramAvailable({
  name: 'Redis',
  probe: connectToRedis,
  remediation: 'Set REDIS_URL, or run a server on 127.0.0.1:6379.',
});
const sealingKey = randomBytes(32).toString('base64');

/** Starts two brokers over one Redis and one sandbox, as replicas behind a load balancer are. */
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

test.skipIf(!hasRedis)('two replicas share one server token through Redis, which stores it sealed', async () => {
  await using replicas = await startReplicas(redisUrl);
  const first = await replicas.call(0);
  expect(first.status).toBe(200);
  const others = await Promise.all(Array.from({ length: 40 }, (_, index) => replicas.call(index % 2)));
  expect(new Set(others.map(({ status }) => status))).toEqual(new Set([200]));
  expect(replicas.countTokenCalls()).toBe(1);
  expect(await replicas.readReadiness()).toMatchObject({ status: 200, parts: { redis: 'ok' } });

  const redis = await createClient({ url: redisUrl }).connect();
  const keys = await redis.keys(`${replicas.prefix}*`);
  const values = await Promise.all(keys.map((key) => redis.get(key)));
  expect(values.filter((value) => value?.startsWith('v1.test.'))).not.toEqual([]);
  // Two parts of a JWT are searched for, because sealed text may contain its first three letters by chance.
  expect(`${keys.join()} ${values.join()}`).not.toMatch(/eyJ[\w-]+\.eyJ|acme-corp|sandbox-only/);
  await redis.del(keys);
  redis.destroy();
});

test('each replica keeps a server token of its own and serves every call while Redis is unreachable', async () => {
  await using replicas = await startReplicas('redis://127.0.0.1:9');
  // Readiness reports Redis before the first call needs it.
  expect(await replicas.readReadiness()).toMatchObject({ status: 200, parts: { redis: 'unreachable' } });
  const responses = await Promise.all([0, 1, 0, 1].map((replica) => replicas.call(replica)));
  expect(responses.map(({ status }) => status)).toEqual([200, 200, 200, 200]);
  expect(replicas.countTokenCalls()).toBe(2);
  expect(await replicas.readReadiness()).toMatchObject({ status: 200, parts: { redis: 'unreachable' } });
});
