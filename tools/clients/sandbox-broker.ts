import { createBroker } from '@valetkey/broker';
import { createSandbox } from '@valetkey/sandbox';

/** Starts a broker with the vendors of a sandbox, and a connection `busy` whose vendor cannot be reached. */
export async function startSandboxBroker() {
  const sandbox = await createSandbox();
  const { urls, credentials } = sandbox;
  const { customer, ...nymbl } = credentials.nymbl;
  const broker = createBroker({
    listen: { port: 0 },
    admin: { port: 0 },
    store: { sqlite: ':memory:' },
    log: { level: 'silent' },
    issuers: [{ issuer: urls.idp, audiences: ['valetkey'] }],
    vendors: {
      nabla: { ...credentials.nabla, baseUrl: urls.nabla, user: { claim: 'sub' } },
      nudge: { ...credentials.nudge, baseUrl: urls.nudge },
      busy: { ...credentials.nudge, vendor: 'nudge', baseUrl: 'http://127.0.0.1:9' },
      nymbl: {
        ...nymbl,
        baseUrl: urls.nymbl,
        tokenUrl: `${urls.nymblIdp}/oauth2/token`,
        customer: { value: customer },
        allow: [{ method: 'GET', path: '/Patients' }],
      },
      vital: { ...credentials.vital, baseUrl: urls.vital, environment: 'sandbox', region: 'us' },
    },
  });
  const { brokerUrl } = await broker.listen();
  return {
    brokerUrl,
    token: await sandbox.mintUserToken({ sub: 'alice' }),
    [Symbol.asyncDispose]: async () => {
      await broker.close();
      await sandbox.close();
    },
  };
}

export type SandboxBroker = Awaited<ReturnType<typeof startSandboxBroker>>;
