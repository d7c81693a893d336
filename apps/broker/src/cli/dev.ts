import { codeOfForeignError, type VendorSample } from '@valetkey/core-types';
import { findRecipe, recipes } from '@valetkey/vendor-clients';
import { issuesTokens, sampleOf } from '@valetkey/vendor-clients/recipe';
import type { Logger } from 'pino';
import type { BrokerDependencies } from '../assemble.ts';
import { createBroker } from '../create-broker.ts';
import { CommandError } from './command-error.ts';

/** The ports and the data of `startDev`. Port 0 selects a free one. */
export interface DevOptions {
  readonly port?: number;
  readonly adminPort?: number;
  readonly sandboxPort?: number;
  /** The folder of the SQLite file. `:memory:` creates no file. */
  readonly dataFolder?: string;
  /** The `timeoutMs` of every connection, in milliseconds. Default: the default of each vendor. A busy machine needs more. */
  readonly vendorTimeoutMs?: number;
  readonly logger?: Logger;
  readonly onDecision?: BrokerDependencies['onDecision'];
}

/** A running broker and sandbox. */
export interface Dev {
  readonly brokerUrl: string;
  readonly adminUrl: string;
  readonly sandboxUrl: string;
  /** The names of the vendors that the sandbox simulates in code. */
  readonly simulated: readonly string[];
  /** The names of the vendors of the catalog, which the sandbox simulates from their recipes. */
  readonly catalog: readonly string[];
  readonly close: () => Promise<void>;
}

/** How long running calls have to finish when `valetkey dev` is stopped. */
export const devShutdownMs = 10_000;

/** The admin token of `valetkey dev`. `valetkey start` refuses it. */
const devAdminToken = 'sandbox-only-admin-token';

/**
 * Starts a broker and a sandbox that simulates the vendors and identity providers, for tests and for a first try. The
 * credentials of the sandbox are public constants. Rejects with the command to install `@valetkey/sandbox` if it is absent.
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
  const { vendorTimeoutMs, logger, onDecision } = options;
  const { createSandbox, simulateRecipe, simulations } = await loadSandbox();
  const catalog = simulateCatalog(simulateRecipe);
  const sandbox = await createSandbox({ port: sandboxPort, simulations: catalog });
  const config = {
    listen: { port, hostNames: [] },
    admin: { port: adminPort, token: devAdminToken },
    cors: { origins: ['loopback'] },
    issuers: [...sandbox.issuers],
    vendors: withTimeout(sandbox.connections, vendorTimeoutMs),
    store: { sqlite: dataFolder === ':memory:' ? dataFolder : `${dataFolder}/dev.sqlite` },
    shutdown: { timeoutMs: devShutdownMs },
    log: { level: 'warn' },
  };

  try {
    const broker = createBroker(config, { ...(logger && { logger }), ...(onDecision && { onDecision }) });
    const addresses = await broker.listen();
    return {
      ...addresses,
      sandboxUrl: sandbox.origin,
      simulated: simulations.map(({ title }) => title),
      catalog: catalog.map(({ title }) => title),
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

/** Loads the sandbox, which is a package of its own: a broker in production carries no simulator. */
async function loadSandbox() {
  try {
    return await import('@valetkey/sandbox');
  } catch (error) {
    if (codeOfForeignError(error) !== 'ERR_MODULE_NOT_FOUND') throw error;
    throw new CommandError(
      'the sandbox is not installed; run `npm install --save-dev @valetkey/sandbox`, or without a project ' +
        '`npx -y -p @valetkey/broker -p @valetkey/sandbox valetkey dev`',
    );
  }
}

/** Returns the connections with another `timeoutMs`, if there is one. */
function withTimeout<Options extends object>(
  connections: Readonly<Record<string, Options>>,
  timeoutMs: number | undefined,
): Readonly<Record<string, Options>> {
  if (timeoutMs === undefined) return connections;
  return Object.fromEntries(Object.entries(connections).map(([name, options]) => [name, { ...options, timeoutMs }]));
}

/** Returns the simulation of each vendor of the catalog. */
function simulateCatalog<Simulated>(simulate: (sample: VendorSample) => Simulated): readonly Simulated[] {
  return Object.keys(recipes).flatMap((id) => {
    const vendor = findRecipe(id);
    return vendor === undefined || !issuesTokens(vendor) ? [] : [simulate(sampleOf(vendor.recipe))];
  });
}
