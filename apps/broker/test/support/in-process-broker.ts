import { systemClock, type Clock } from '@valetkey/core-types';
import { createSandbox, sandboxCredentials } from '@valetkey/sandbox';
import { createBroker } from '../../src/create-broker.ts';
import type { Store } from '../../src/storage/store.ts';

interface InProcessBrokerOptions {
  /** The clock of the broker and of its sandbox. */
  readonly clock?: Clock;
  /** Milliseconds that the broker waits for Vital. */
  readonly timeoutMs?: number;
}

/**
 * Starts a broker for Nabla and Vital over the given store, with a sandbox of its own. It opens no port: tests call it in
 * this process.
 */
export async function startInProcessBroker(store: Store, options: InProcessBrokerOptions = {}) {
  const { clock = systemClock, timeoutMs = 120_000 } = options;
  const sandbox = await createSandbox({ clock });
  const { urls } = sandbox;
  const { nabla, vital } = sandboxCredentials;
  const broker = createBroker(
    {
      log: { level: 'silent' },
      issuers: [{ issuer: urls.idp, audiences: ['valetkey'] }],
      vendors: {
        nabla: { baseUrl: urls.nabla, serverKey: nabla.serverKey, user: { claim: 'sub' } },
        vital: { baseUrl: urls.vital, apiKey: vital.apiKey, environment: 'sandbox', region: 'us', timeoutMs },
      },
    },
    { store, clock },
  );
  const token = await sandbox.mintUserToken({ sub: 'alice' });

  return {
    sandbox,
    issuer: urls.idp,
    issue: async (connection: 'nabla' | 'vital') => {
      const { statusCode, headers, body } = await broker.app.inject({
        method: 'POST',
        url: `/v1/vendors/${connection}/token`,
        headers: { authorization: `Bearer ${token}` },
      });
      return { status: statusCode, headers, body: JSON.parse(body) as Record<string, unknown> };
    },
    /** Returns the status of `/readyz`. */
    readReadiness: async () => (await broker.app.inject('/readyz')).statusCode,
    [Symbol.asyncDispose]: async () => {
      await broker.close().catch(() => undefined);
      await sandbox.close();
    },
  };
}

export type InProcessBroker = Awaited<ReturnType<typeof startInProcessBroker>>;
