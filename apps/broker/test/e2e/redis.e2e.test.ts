import { randomBytes } from 'node:crypto';
import { createConnection } from 'node:net';
import { createSandbox, sandboxCredentials } from '@valetkey/sandbox';
import { createClient } from 'redis';
import { describe, expect, test } from 'vitest';
import { createBroker } from '../../src/create-broker.ts';

const redisUrl = process.env['REDIS_URL'] ?? 'redis://127.0.0.1:6379';

async function canConnect(): Promise<boolean> {
  const { hostname, port } = new URL(redisUrl);
  const socket = createConnection({ host: hostname, port: Number(port || 6379) });
  try {
    return await new Promise((resolve) =>
      socket.once('connect', () => resolve(true)).once('error', () => resolve(false)),
    );
  } finally {
    socket.destroy();
  }
}

const available = await canConnect();
if (!available) {
  if (process.env['CI'] !== undefined) throw new Error('No Redis for the tests; set REDIS_URL.');
  process.stderr.write(
    '\n*** The tests of the broker over Redis are skipped: no server at REDIS_URL or 127.0.0.1:6379. ***\n',
  );
}

/** Two brokers over one Redis and one sandbox, as two replicas behind a balancer are. */
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
      redis: { url, sealingKeys: [{ id: 'test', secret: randomKey }], prefix },
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
    readiness: async () => {
      const response = await fetch(`${listening[0]?.adminUrl}/readyz`);
      return { status: response.status, parts: (await response.json()) as Record<string, string> };
    },
    tokenCalls: () => sandbox.calls()['nymbl-idp']?.['POST /oauth2/token'] ?? 0,
    [Symbol.asyncDispose]: async () => {
      await Promise.all(brokers.map((broker) => broker.close()));
      await sandbox.close();
    },
  };
}

const randomKey = randomBytes(32).toString('base64');

describe.skipIf(!available)('over a real Redis', () => {
  test('two replicas share one server token, which Redis does not hold in clear', async () => {
    await using replicas = await startReplicas(redisUrl);
    const first = await replicas.call(0);
    expect(first.status).toBe(200);
    const others = await Promise.all(Array.from({ length: 40 }, (_, index) => replicas.call(index % 2)));
    expect(new Set(others.map(({ status }) => status))).toEqual(new Set([200]));
    expect(replicas.tokenCalls()).toBe(1);
    expect(await replicas.readiness()).toMatchObject({ status: 200, parts: { redis: 'ok' } });

    const redis = await createClient({ url: redisUrl }).connect();
    const keys = await redis.keys(`${replicas.prefix}*`);
    const values = await Promise.all(keys.map((key) => redis.get(key)));
    expect(values.filter((value) => value?.startsWith('v1.test.'))).not.toEqual([]);
    // A JWT by its two parts: three letters of one turn up in sealed text by chance.
    expect(`${keys.join()} ${values.join()}`).not.toMatch(/eyJ[\w-]+\.eyJ|acme-corp|sandbox-only/);
    await redis.del(keys);
    redis.destroy();
  });
});

test('without Redis each replica keeps its own token, and no request fails', async () => {
  await using replicas = await startReplicas('redis://127.0.0.1:9');
  // Before anybody needs it.
  expect(await replicas.readiness()).toMatchObject({ status: 200, parts: { redis: 'unreachable' } });
  const responses = await Promise.all([0, 1, 0, 1].map((replica) => replicas.call(replica)));
  expect(responses.map(({ status }) => status)).toEqual([200, 200, 200, 200]);
  expect(replicas.tokenCalls()).toBe(2);
  expect(await replicas.readiness()).toMatchObject({ status: 200, parts: { redis: 'unreachable' } });
});
