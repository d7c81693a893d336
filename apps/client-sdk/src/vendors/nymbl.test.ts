import { expect, test } from 'vitest';
import { createValetClient } from '../client/client.ts';
import { json, startFakeBroker } from '../testing/fake-broker.ts';
import { nymblFetch } from './nymbl.ts';

test("nymblFetch sends the path to the proxy and resolves with Nymbl's response", async () => {
  const broker = await startFakeBroker(() => json({ value: [{ Id: 1 }] }));
  const valet = createValetClient({ brokerUrl: broker.url, getAppToken: () => 'app-token' });

  const response = await nymblFetch(valet)('/Patients?$top=1', { headers: { accept: 'application/json' } });

  expect(await response.json()).toEqual({ value: [{ Id: 1 }] });
  expect(broker.requests[0]).toMatchObject({ method: 'GET', path: '/v1/vendors/nymbl/proxy/Patients?$top=1' });
  expect(broker.requests[0]?.headers.accept).toBe('application/json');
});
