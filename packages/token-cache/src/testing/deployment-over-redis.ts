import { createSandbox, type Fault } from '@valetkey/sandbox';
import type { ProcessOrder, ProcessReport, ProcessSettings } from './cache-process.ts';
import { redisCommand } from './redis-server.ts';
import { type CacheProcess, startCacheProcess } from './start-cache-process.ts';

/** Processes that share one Redis and one token endpoint. */
export interface DeploymentOverRedis {
  readonly processes: readonly CacheProcess[];
  /** Sends the same order to every process and resolves to their reports. */
  readonly run: (order: ProcessOrder) => Promise<ProcessReport[]>;
  readonly setTokenFault: (fault: Fault | undefined) => void;
  /** Returns how many requests the token endpoint received. */
  readonly tokenCalls: () => number;
  /** Tells every process to close its cache, and waits until all have exited. */
  readonly close: () => Promise<void>;
  /** Kills the processes that still run, and removes their records from Redis. */
  readonly [Symbol.asyncDispose]: () => Promise<void>;
}

type LifeSettings = Pick<ProcessSettings, 'lifetimeSeconds' | 'refreshMarginSeconds' | 'leaseMs'>;

export async function startDeploymentOverRedis(
  redisUrl: string,
  count: number,
  lives: LifeSettings,
): Promise<DeploymentOverRedis> {
  const sandbox = await createSandbox();
  const prefix = `test-${crypto.randomUUID()}`;
  const { clientId, clientSecret, customer } = sandbox.credentials.nymbl;
  const settings: ProcessSettings = {
    redisUrl,
    prefix,
    tokenUrl: `${sandbox.urls.nymblIdp}/oauth2/token`,
    clientId,
    clientSecret,
    scope: `nymbl-customer-api/${customer}`,
    ...lives,
  };
  const processes = await Promise.all(Array.from({ length: count }, () => startCacheProcess(settings)));
  return {
    processes,
    run: (order) => Promise.all(processes.map((process) => process.run(order))),
    setTokenFault: (fault) => sandbox.setFaults(fault === undefined ? [] : [{ vendor: 'nymbl-idp', fault }]),
    tokenCalls: () => sandbox.calls()['nymbl-idp']['POST /oauth2/token'] ?? 0,
    close: async () => {
      await Promise.all(processes.map((process) => process.close()));
    },
    [Symbol.asyncDispose]: async () => {
      await Promise.all(processes.map((process) => process.kill()));
      await sandbox.close();
      const left = (await redisCommand(redisUrl, 'KEYS', `${prefix}*`)) as string[];
      if (left.length > 0) await redisCommand(redisUrl, 'DEL', ...left);
    },
  };
}
