import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { createBroker, loadConfig, type Broker } from '@valetkey/broker';
import { createSandbox } from '@valetkey/sandbox';
import { acmeSimulation } from './acme.simulation.ts';
import { acme } from './acme.ts';

const startSandbox = () => createSandbox({ simulations: [acmeSimulation] });
let sandbox: Awaited<ReturnType<typeof startSandbox>>;
let broker: Broker;

before(async () => {
  sandbox = await startSandbox();
  broker = createBroker({
    issuers: sandbox.issuers,
    store: { sqlite: ':memory:' },
    adapters: [acme],
    vendors: { acme: sandbox.connections['acme'] },
    log: { level: 'silent' },
  });
});

after(async () => {
  await broker.close();
  await sandbox.close();
});

async function issue(sub: string) {
  const authorization = `Bearer ${await sandbox.mintUserToken({ sub })}`;
  const response = await broker.app.inject({
    method: 'POST',
    url: '/v1/vendors/acme/token',
    headers: { authorization },
  });
  return response.json<Record<string, unknown>>();
}

test('each principal receives a token of its own user, and a later request of a principal finds the same user', async () => {
  const users = [];
  for (const sub of ['alice', 'bob', 'alice']) {
    const { user_id, token, expires_in } = await issue(sub);
    assert.deepEqual([token, expires_in], [`token-of-${String(user_id)}`, 600]);
    users.push(user_id);
  }
  assert.deepEqual(users, ['user_1', 'user_2', 'user_1']);
  assert.equal(sandbox.calls().acme['POST /v1/users'], 2);
});

test('a token of another user never leaves the broker', async () => {
  sandbox.setFaults([{ vendor: 'acme', fault: { type: 'wrong-user' }, count: 1 }]);
  const problem = await issue('alice');
  assert.equal(problem['code'], 'vendor_response_invalid');
  assert.ok(!JSON.stringify(problem).includes('user_of_another_principal'));
});

test('valetkey.config.ts connects the broker to Acme', async () => {
  const path = fileURLToPath(new URL('valetkey.config.ts', import.meta.url));
  const { connections } = await loadConfig(path, { environment: { ACME_API_KEY: 'an-api-key' } });
  assert.deepEqual(
    connections.map(({ name, definition }) => [name, definition.title]),
    [['acme', acme.title]],
  );
});
