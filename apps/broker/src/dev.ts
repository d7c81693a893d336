import type { Logger } from 'pino';
import { createBroker, type BrokerEffects } from './broker.ts';
import type { BrokerConfigInput } from './config.ts';

/** Where the dev broker listens and keeps its data. Port 0 takes any free one. */
export interface DevOptions {
  readonly port?: number;
  readonly adminPort?: number;
  readonly sandboxPort?: number;
  /** The folder of the SQLite file; `:memory:` keeps nothing. */
  readonly dataFolder?: string;
  readonly logger?: Logger;
  readonly onDecision?: BrokerEffects['onDecision'];
}

/** A broker and a sandbox, both running. */
export interface Dev {
  readonly brokerUrl: string;
  readonly adminUrl: string;
  readonly sandboxUrl: string;
  readonly close: () => Promise<void>;
}

/**
 * Starts the broker together with a sandbox that plays the five vendors and two identity providers.
 *
 * For trying and for tests: its credentials are constants that everybody knows.
 *
 * @example
 * ```ts
 * import { startDev } from '@valetkey/broker';
 *
 * const dev = await startDev({ port: 0, adminPort: 0, sandboxPort: 0, dataFolder: ':memory:' });
 * console.log((await fetch(`${dev.brokerUrl}/healthz`)).status); // 200
 * await dev.close();
 * ```
 */
export async function startDev(options: DevOptions = {}): Promise<Dev> {
  const { port = 8787, adminPort = 8788, sandboxPort = 8790, dataFolder = '.valetkey' } = options;
  // Loaded here and nowhere else: the broker that faces the world carries no simulator.
  const { createSandbox, sandboxCredentials } = await import('@valetkey/sandbox');
  const sandbox = await createSandbox({ port: sandboxPort });
  const { urls } = sandbox;
  const { nabla, nudge, nymbl, vital } = sandboxCredentials;

  const config: BrokerConfigInput = {
    listen: { port },
    admin: { port: adminPort, token: devAdminToken },
    cors: { origins: ['http://localhost:3000', 'http://localhost:5173'] },
    issuers: [{ issuer: urls.idp, audiences: ['valetkey'] }],
    vendors: {
      nabla: {
        baseUrl: urls.nabla,
        serverKey: nabla.serverKey,
        patientIdClaim: 'sub',
        user: { claim: 'sub', issuer: urls.idp },
      },
      nudge: { baseUrl: urls.nudge, apiKey: nudge.apiKey },
      nymbl: {
        baseUrl: urls.nymbl,
        tokenUrl: `${urls.nymblIdp}/oauth2/token`,
        clientId: nymbl.clientId,
        clientSecret: nymbl.clientSecret,
        apiKey: nymbl.apiKey,
        customer: { value: nymbl.customer },
        allow: [
          { method: 'GET', path: '/Patients' },
          { method: 'GET', path: '/Patients({id})' },
        ],
      },
      authgear: { endpoint: urls.authgear },
      vital: { baseUrl: urls.vital, apiKey: vital.apiKey, environment: 'sandbox', region: 'us' },
    },
    store: { sqlite: dataFolder === ':memory:' ? dataFolder : `${dataFolder}/dev.sqlite` },
    log: { level: 'warn' },
  };

  try {
    const { logger, onDecision } = options;
    const broker = createBroker(config, { ...(logger && { logger }), ...(onDecision && { onDecision }) });
    const urlsOfBroker = await broker.listen();
    return {
      ...urlsOfBroker,
      sandboxUrl: sandbox.origin,
      close: async () => {
        await broker.close();
        await sandbox.close();
      },
    };
  } catch (error) {
    await sandbox.close();
    throw error;
  }
}

/** The admin token of `valetkey dev`; `valetkey start` refuses it. */
const devAdminToken = 'sandbox-only-admin-token';
