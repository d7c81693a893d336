import { JunctionClient } from '@junction-api/sdk';
import { createSandbox, sandboxCredentials, type Sandbox } from '@valetkey/sandbox';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Broker } from '../../src/assemble.ts';
import { createBroker } from '../../src/create-broker.ts';
import { externalIdOf } from '../../src/vendors/external-id.ts';
import { startOpenidProvider } from '../support/openid-provider.ts';

const audience = 'https://api.example.com';

let provider: Awaited<ReturnType<typeof startOpenidProvider>>;
let sandbox: Sandbox;
let broker: Broker;
let brokerUrl: string;
beforeAll(async () => {
  provider = await startOpenidProvider(audience);
  sandbox = await createSandbox();
  broker = createBroker({
    listen: { port: 0 },
    admin: { port: 0 },
    store: { sqlite: ':memory:' },
    log: { level: 'silent' },
    issuers: [{ issuer: provider.issuer, audiences: [audience] }],
    vendors: {
      vital: {
        baseUrl: sandbox.urls.vital,
        apiKey: sandboxCredentials.vital.apiKey,
        environment: 'sandbox',
        region: 'us',
      },
    },
  });
  ({ brokerUrl } = await broker.listen());
});
afterAll(async () => {
  await broker.close();
  await sandbox.close();
  await provider.close();
});

test("Junction's SDK reads the vendor user that the broker created for a user of oidc-provider", async () => {
  const token = await provider.signIn('alice');
  const response = await fetch(`${brokerUrl}/v1/vendors/vital/token`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}` },
  });
  expect(response.status).toBe(200);
  const { user_id: userId } = (await response.json()) as { user_id: string };

  const junction = new JunctionClient({
    apiKey: sandboxCredentials.vital.apiKey,
    baseUrl: sandbox.urls.vital,
    maxRetries: 0,
  });
  const clientUserId = externalIdOf({ issuer: provider.issuer, subject: 'alice' });
  expect(await junction.user.get({ userId })).toMatchObject({ userId, clientUserId });
  expect(await junction.user.getByClientUserId({ clientUserId })).toMatchObject({ userId });
});

test('refuses a token that oidc-provider issued for another audience', async () => {
  const response = await fetch(`${brokerUrl}/v1/session`, {
    headers: { authorization: `Bearer ${await provider.signIn('alice', 'https://other.example.com')}` },
  });
  expect(response.status).toBe(401);
  expect(await response.json()).toMatchObject({ detail: expect.stringMatching(/audience/i) as unknown });
});

test('refuses a token of an OpenID provider that is not configured', async () => {
  const otherProvider = await startOpenidProvider(audience);
  try {
    const response = await fetch(`${brokerUrl}/v1/session`, {
      headers: { authorization: `Bearer ${await otherProvider.signIn('alice')}` },
    });
    expect(response.status).toBe(401);
  } finally {
    await otherProvider.close();
  }
});
