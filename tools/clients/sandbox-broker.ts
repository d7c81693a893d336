import { createBroker, type BrokerConfigInput } from '@valetkey/broker';
import { createSandbox, type Sandbox } from '@valetkey/sandbox';

/** Returns the connections of a broker to the vendors of a sandbox. */
export function vendorsOf({ urls, credentials }: Sandbox) {
  const { customer, ...nymbl } = credentials.nymbl;
  return {
    nabla: { ...credentials.nabla, baseUrl: urls.nabla, user: { claim: 'sub' } },
    nudge: { ...credentials.nudge, baseUrl: urls.nudge },
    nymbl: {
      ...nymbl,
      baseUrl: urls.nymbl,
      tokenUrl: `${urls.nymblIdp}/oauth2/token`,
      customer: { value: customer },
      allow: [{ method: 'GET', path: '/Patients' }],
    },
    vital: { ...credentials.vital, baseUrl: urls.vital, environment: 'sandbox', region: 'us' },
  } satisfies BrokerConfigInput['vendors'];
}

/** Starts a broker with the vendors of a sandbox, and a connection `busy` whose vendor cannot be reached. */
export async function startSandboxBroker() {
  const sandbox = await createSandbox();
  const { urls, credentials } = sandbox;
  const broker = createBroker({
    listen: { port: 0 },
    admin: { port: 0 },
    store: { sqlite: ':memory:' },
    log: { level: 'silent' },
    issuers: [{ issuer: urls.idp, audiences: ['valetkey'] }],
    vendors: {
      ...vendorsOf(sandbox),
      busy: { ...credentials.nudge, vendor: 'nudge', baseUrl: 'http://127.0.0.1:9' },
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
