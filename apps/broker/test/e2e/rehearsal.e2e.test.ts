import { createSandbox } from '@valetkey/sandbox';
import { expect, test } from 'vitest';
import { refuseSandboxCredentials } from '../../src/config/config-file.ts';
import { createBroker } from '../../src/create-broker.ts';

test('a broker whose configuration has its own names, credentials and issuer works against the sandbox', async () => {
  await using sandbox = await createSandbox();
  const state = {
    nymbl: { setClientIds: ['our-client', 'their-client'], setClientSecrets: ['our-secret'], setApiKeys: ['our-key'] },
    nudge: { setApiKeys: ['our-nudge-key'] },
    idp: { setTokenIssuer: 'https://id.example.com', setTokenAudiences: ['my-api', 'other-api'] },
  };
  const { status } = await fetch(`${sandbox.origin}/_state`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(state),
  });
  expect(status).toBe(204);

  const nymbl = {
    vendor: 'nymbl',
    baseUrl: sandbox.urls.nymbl,
    tokenUrl: `${sandbox.urls.nymblIdp}/oauth2/token`,
    clientSecret: 'our-secret',
    apiKey: 'our-key',
    customer: { value: 'acme-corp' },
    allow: [{ method: 'GET', path: '/Patients' }],
  };
  const config = {
    issuers: [{ issuer: 'https://id.example.com', audiences: ['my-api'], jwksUri: `${sandbox.urls.idp}/jwks` }],
    vendors: {
      'patients-north': { ...nymbl, clientId: 'our-client' },
      'patients-south': { ...nymbl, clientId: 'their-client' },
      nudges: { vendor: 'nudge', baseUrl: sandbox.urls.nudge, apiKey: 'our-nudge-key' },
    },
    store: { sqlite: ':memory:' },
    log: { level: 'silent' },
  };
  // `start`, `check` and `doctor` accept it.
  refuseSandboxCredentials(config);
  const broker = createBroker(config);
  const token = await fetch(`${sandbox.urls.idp}/dev-token?sub=alice`);
  const authorization = (await token.text()).trim().replace('Authorization: ', '');
  for (const [method, url] of [
    ['GET', '/v1/vendors/patients-north/proxy/Patients'],
    ['GET', '/v1/vendors/patients-south/proxy/Patients'],
    ['POST', '/v1/vendors/nudges/token'],
  ] as const) {
    const response = await broker.app.inject({ method, url, headers: { authorization } });
    expect([url, response.statusCode]).toEqual([url, 200]);
  }
  await broker.close();
});
