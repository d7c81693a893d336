import { createSandbox, sandboxCredentials } from '@valetkey/sandbox';
import { createBroker } from '../../src/create-broker.ts';
import type { Store } from '../../src/storage/store.ts';

/** A broker for Nabla and Vital in this process, over the store that is given and a sandbox of its own. */
export async function startVitalBroker(store: Store) {
  const sandbox = await createSandbox();
  const { urls } = sandbox;
  const { nabla, vital } = sandboxCredentials;
  const broker = createBroker(
    {
      log: { level: 'silent' },
      issuers: [{ issuer: urls.idp, audiences: ['valetkey'] }],
      vendors: {
        nabla: { baseUrl: urls.nabla, serverKey: nabla.serverKey, user: { claim: 'sub' } },
        vital: { baseUrl: urls.vital, apiKey: vital.apiKey, environment: 'sandbox', region: 'us', timeoutMs: 500 },
      },
    },
    { store },
  );
  const token = await sandbox.mintUserToken({ sub: 'alice' });

  return {
    sandbox,
    issuer: urls.idp,
    issue: async (vendor: 'nabla' | 'vital') => {
      const { statusCode, headers, body } = await broker.app.inject({
        method: 'POST',
        url: `/v1/vendors/${vendor}/token`,
        headers: { authorization: `Bearer ${token}` },
      });
      return { status: statusCode, headers, body: JSON.parse(body) as Record<string, unknown> };
    },
    readiness: async () => (await broker.app.inject('/readyz')).statusCode,
    [Symbol.asyncDispose]: async () => {
      await broker.close().catch(() => undefined);
      await sandbox.close();
    },
  };
}
