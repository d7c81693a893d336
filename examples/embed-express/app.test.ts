import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, test } from 'node:test';
import { createBroker, type Broker } from '@valetkey/broker';
import { createSandbox } from '@valetkey/sandbox';
import { createApp } from './app.ts';

const startSandbox = () => createSandbox();
let sandbox: Awaited<ReturnType<typeof startSandbox>>;
let broker: Broker;
let server: Server;
let origin: string;
const clients: (string | undefined)[] = [];

before(async () => {
  sandbox = await startSandbox();
  const { nudge, nymbl } = sandbox.connections;
  broker = createBroker(
    { issuers: sandbox.issuers, store: { sqlite: ':memory:' }, vendors: { nudge, nymbl }, log: { level: 'silent' } },
    { onDecision: ({ clientAddress }) => clients.push(clientAddress) },
  );
  server = createApp(broker).listen(0, '127.0.0.1');
  await once(server, 'listening');
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});

after(async () => {
  await new Promise((resolve) => server.close(resolve));
  await broker.close();
  await sandbox.close();
});

async function call(path: string, init: { method?: string; headers?: Record<string, string> } = {}) {
  const authorization = `Bearer ${await sandbox.mintUserToken({ sub: 'alice' })}`;
  return fetch(origin + path, { ...init, headers: { authorization, ...init.headers } });
}

test('a user of the app gets a token of a vendor below /tokens, and the audit has the address of the client', async () => {
  const response = await call('/tokens/v1/vendors/nudge/token', { method: 'POST' });
  const { vendor, token } = (await response.json()) as Record<string, unknown>;
  assert.deepEqual([response.status, vendor, typeof token], [200, 'nudge', 'string']);
  assert.deepEqual(clients, ['127.0.0.1']);
});

test('a proxied call to a vendor passes through the app', async () => {
  const response = await call('/tokens/v1/vendors/nymbl/proxy/Patients');
  const { value } = (await response.json()) as { value: unknown[] };
  assert.deepEqual([response.status, response.headers.get('valet-key'), value.length], [200, 'vendor', 3]);
});

test('a caller without a token receives the problem of the broker', async () => {
  const response = await fetch(`${origin}/tokens/v1/vendors/nudge/token`, { method: 'POST' });
  assert.equal(response.status, 401);
  assert.equal(response.headers.get('content-type'), 'application/problem+json');
  assert.deepEqual(((await response.json()) as { code: string }).code, 'missing_token');
});

test('the broker serves no path outside /tokens, and the body parsers of the app still work', async () => {
  assert.equal((await call('/v1/session')).status, 404);
  const body = '{"text":"of the app"}';
  const response = await fetch(`${origin}/echo`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body,
  });
  assert.equal(await response.text(), body);
});
