import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { createBroker, type Broker } from '@valetkey/broker';
import { createSandbox } from '@valetkey/sandbox';
import type { APIGatewayProxyEventV2 } from 'aws-lambda';
import { serve } from './serve.ts';

const startSandbox = () => createSandbox();
let sandbox: Awaited<ReturnType<typeof startSandbox>>;
let broker: Broker;
const clients: (string | undefined)[] = [];

before(async () => {
  sandbox = await startSandbox();
  const { nudge } = sandbox.connections;
  const nymbl = { ...sandbox.connections.nymbl, allow: [{ method: 'POST', path: '/Patients' }] };
  broker = createBroker(
    { issuers: sandbox.issuers, store: { sqlite: ':memory:' }, vendors: { nudge, nymbl }, log: { level: 'silent' } },
    { onDecision: ({ clientAddress }) => clients.push(clientAddress) },
  );
});

after(async () => {
  await broker.close();
  await sandbox.close();
});

/** Runs the function with an event as AWS sends it, of the user alice or of a caller without a token. */
async function run(name: string, isSignedIn: boolean, path?: string) {
  const file = readFileSync(new URL(`events/${name}.json`, import.meta.url), 'utf8');
  const event = JSON.parse(file) as APIGatewayProxyEventV2;
  if (isSignedIn) event.headers['authorization'] = `Bearer ${await sandbox.mintUserToken({ sub: 'alice' })}`;
  const {
    statusCode,
    headers = {},
    body = '',
  } = await serve(broker, path === undefined ? event : { ...event, rawPath: path });
  const text = Buffer.from(body, 'base64').toString();
  return { status: statusCode, headers, body: JSON.parse(text) as Record<string, unknown> };
}

for (const [name, address] of [
  ['function-url', '203.0.113.25'],
  ['api-gateway', '203.0.113.26'],
] as const) {
  test(`a user of the app gets a token of a vendor with an event of the kind ${name}`, async () => {
    const { status, body } = await run(name, true);
    assert.deepEqual([status, body['vendor'], typeof body['token']], [200, 'nudge', 'string']);
    assert.deepEqual(clients.splice(0), [address]);
  });

  test(`a caller without a token receives the problem of the broker with an event of the kind ${name}`, async () => {
    const { status, headers, body } = await run(name, false);
    assert.deepEqual([status, body['code']], [401, 'missing_token']);
    assert.equal(headers['content-type'], 'application/problem+json');
  });
}

test('a body of an event reaches the vendor', async () => {
  const { status, headers, body } = await run('api-gateway-body', true);
  assert.deepEqual([status, headers['valet-key'], body['firstName']], [201, 'vendor', 'Zoë']);
});

test('the broker serves no path outside /tokens', async () => {
  const file = readFileSync(new URL('events/function-url.json', import.meta.url), 'utf8');
  const event = { ...(JSON.parse(file) as APIGatewayProxyEventV2), rawPath: '/v1/session' };
  assert.deepEqual(await serve(broker, event), { statusCode: 404 });
});
