import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createSandbox } from '@valetkey/sandbox';
import { expect } from 'vitest';
import { parse } from 'yaml';
import { startPrivateRedis } from '../../../../packages/token-cache/src/testing/redis-server.ts';
import { findKeptPort } from './free-port.ts';
import { startPgBouncer } from './pgbouncer.ts';
import { createPostgresSchema, postgresServerUrl } from './postgres-server.ts';
import { startProxyProgram } from './proxy-program.ts';
import { startValetkey } from './valetkey-process.ts';

/** The key with which the replicas chain their decisions. */
export const replicasAuditKey = 'the-audit-key-of-all-replicas-of-the-test';

const composeFile = (name: string) =>
  readFileSync(new URL(`../../../../deploy/compose/${name}`, import.meta.url), 'utf8');

/** No replica gives up because the machine is busy. */
const patienceMs = 60_000;

/** One process of a replica, from its start to its end. */
export interface ReplicaLife {
  readonly process: ReturnType<typeof startValetkey>;
  /** When the test killed the process, on the clock of `performance`. Absent: it runs, or it ended by itself. */
  killedAt?: number;
  isReady: boolean;
  /** Whether the process ended although the test did not kill it. */
  hasEndedByItself: boolean;
}

/** A broker of several behind nginx, which always has the same ports. */
export interface Replica {
  readonly url: string;
  /** Its processes, the last of which runs. */
  readonly lives: ReplicaLife[];
  /** Starts another process, without waiting for it. */
  readonly start: () => void;
  /** Ends the process as a crash does. */
  readonly kill: () => Promise<void>;
  /** Sends SIGHUP to the process. Before a process has a handler for this signal, the signal would end it. */
  readonly reload: () => void;
  /** Resolves with what the replica responds at `/readyz`, or undefined while it does not respond. */
  readonly readiness: () => Promise<{ readonly status: number; readonly parts: Record<string, string> } | undefined>;
}

/** `valetkey start` refuses the credentials of the sandbox. */
const nymblClientId = 'client-of-the-replicas';
const nymblSecrets = {
  nymbl_api_key: 'nymbl-api-key-of-the-replicas',
  nymbl_client_secret: 'nymbl-client-secret-of-the-replicas',
};

/**
 * Starts three replicas of `valetkey start` behind nginx, on PostgreSQL through PgBouncer and on Redis, with the files of
 * `deploy/compose`. The sandbox is their identity provider and their vendors Vital and Nymbl.
 */
export async function startReplicas(vitalKey: string) {
  await using resources = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), 'valetkey-replicas-'));
  resources.defer(() => rm(folder, { recursive: true }));
  const sandbox = resources.use(await createSandbox({ vital: { apiKeys: [vitalKey] } }));
  sandbox.nymbl.setApiKeys([nymblSecrets.nymbl_api_key]);
  sandbox.nymbl.setClientIds([nymblClientId]);
  sandbox.nymbl.setClientSecrets([nymblSecrets.nymbl_client_secret]);
  const schema = resources.use(await createPostgresSchema());
  const pooler = resources.use(await startPgBouncer(postgresServerUrl, 'transaction'));
  const pooled = new URL(pooler.url);
  pooled.search = new URL(schema.url).search;
  const redis = await startPrivateRedis();
  if (redis === undefined) throw new Error('Redis is missing.');
  resources.defer(() => redis.stop());

  /** Replaces a file as an editor does: another file is renamed to its path. */
  const replaceFile = async (name: string, text: string): Promise<void> => {
    await writeFile(join(folder, `${name}.new`), text, { mode: 0o600 });
    await rename(join(folder, `${name}.new`), join(folder, name));
  };
  const files = {
    admin_token: 'the-admin-token-of-all-replicas-of-the-test',
    audit_key: replicasAuditKey,
    sealing_key: randomBytes(32).toString('base64'),
    postgres_url: pooled.href,
    redis_url: redis.url,
    vital_api_key: vitalKey,
    ...nymblSecrets,
  };
  for (const [name, text] of Object.entries(files)) await replaceFile(name, text);

  const ports: number[] = [];
  for (let count = 0; count < 7; count += 1) ports.push(await findKeptPort(ports));
  const [nginxPort = 0, ...brokerPorts] = ports;
  const configOf = (index: number, vendorTimeoutMs: number): string => {
    const [port, adminPort] = brokerPorts.slice(index * 2);
    const text = composeFile('config/valetkey.config.yaml').replaceAll('/run/secrets/', `${folder}/`);
    const config = parse(text) as Record<'listen' | 'admin' | 'store' | 'redis', object>;
    const timeoutMs = vendorTimeoutMs;
    return JSON.stringify({
      ...config,
      listen: { ...config.listen, host: '127.0.0.1', port, trustedProxies: ['127.0.0.1'], proxyRequestIds: true },
      admin: { ...config.admin, port: adminPort },
      store: { ...config.store, timeoutMs: patienceMs, maxConnections: 5 },
      redis: { ...config.redis, timeoutMs: 10_000 },
      issuers: [{ issuer: sandbox.urls.idp, audiences: ['valetkey'] }],
      vendors: {
        vital: {
          baseUrl: sandbox.urls.vital,
          apiKey: `\${file:${folder}/vital_api_key}`,
          environment: 'sandbox',
          region: 'us',
          timeoutMs,
        },
        nymbl: {
          baseUrl: sandbox.urls.nymbl,
          tokenUrl: `${sandbox.urls.nymblIdp}/oauth2/token`,
          clientId: nymblClientId,
          clientSecret: `\${file:${folder}/nymbl_client_secret}`,
          apiKey: `\${file:${folder}/nymbl_api_key}`,
          customer: { value: sandbox.credentials.nymbl.customer },
          allow: [{ method: 'GET', path: '/Patients' }],
          timeoutMs,
        },
      },
    });
  };
  const configure = async (vendorTimeoutMs: number): Promise<void> => {
    for (const index of [0, 1, 2]) await replaceFile(`${index}.json`, configOf(index, vendorTimeoutMs));
  };
  await configure(patienceMs);

  const replicas = [0, 1, 2].map((index) => {
    const replica = createReplica(folder, `${index}.json`, brokerPorts.slice(index * 2));
    resources.defer(replica.kill);
    return replica;
  });
  for (const replica of replicas) replica.start();
  await expect.poll(() => replicas.every(({ lives }) => lives.at(-1)?.isReady), { timeout: 100_000 }).toBe(true);
  const accessLog = join(folder, 'access.log');
  resources.use(await startProxyProgram('nginx', frontOf(nginxPort, brokerPorts, accessLog)));
  const url = `http://127.0.0.1:${nginxPort}`;
  const accepts = () =>
    fetch(`${url}/readyz`).then(
      () => true,
      () => false,
    );
  await expect.poll(accepts, { timeout: 100_000 }).toBe(true);
  const owned = resources.move();
  return {
    url,
    sandbox,
    schema,
    replicas,
    /** Writes the configuration of every replica, with this time limit of the vendors. */
    configure,
    /** Writes the file of Vital's API key. */
    writeVitalKey: (key: string) => replaceFile('vital_api_key', key),
    /** Resolves with the lines of nginx's log. Each ends with the id of the request. */
    readAccessLog: () => readFile(accessLog, 'utf8'),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

export type Replicas = Awaited<ReturnType<typeof startReplicas>>;

function createReplica(folder: string, config: string, [port = 0, adminPort = 0]: readonly number[]): Replica {
  const lives: ReplicaLife[] = [];
  const start = (): void => {
    const life: ReplicaLife = {
      process: startValetkey(['start', '--config', config], folder),
      isReady: false,
      hasEndedByItself: false,
    };
    lives.push(life);
    life.process.waitForOutput(/listens on/).then(
      () => (life.isReady = true),
      // The process was killed while it started, or ended by itself.
      () => undefined,
    );
    const end = (): void => {
      life.isReady = false;
      life.hasEndedByItself = life.killedAt === undefined;
    };
    void life.process.exitCode.then(end);
  };
  return {
    url: `http://127.0.0.1:${port}`,
    lives,
    start,
    kill: async () => {
      const life = lives.at(-1);
      if (life === undefined) return;
      life.killedAt = performance.now();
      life.isReady = false;
      life.process.signal('SIGKILL');
      await life.process.exitCode;
    },
    reload: () => {
      const life = lives.at(-1);
      if (life?.isReady === true) life.process.signal('SIGHUP');
    },
    readiness: async () => {
      try {
        const response = await fetch(`http://127.0.0.1:${adminPort}/readyz`);
        return { status: response.status, parts: (await response.json()) as Record<string, string> };
      } catch {
        return undefined;
      }
    },
  };
}

/**
 * Returns the configuration of nginx: without TLS, and without the limits of one address, because the test is one caller. nginx tries
 * a broker again at once, because the test kills them more often than nginx otherwise forgives.
 */
function frontOf(nginxPort: number, brokerPorts: readonly number[], accessLog: string): string {
  return composeFile('nginx.conf')
    .replaceAll(/^ *(?:ssl_|limit_).*\n/gm, '')
    .replace('listen 443 ssl;', `listen 127.0.0.1:${nginxPort};`)
    .replaceAll('max_fails=1 fail_timeout=5s', 'max_fails=0')
    .replace('/dev/stdout', accessLog)
    .replace("$request_time'", "$request_time $http_x_request_id'")
    .replaceAll(
      /broker-(\d):8787/g,
      (_address, number: string) => `127.0.0.1:${brokerPorts[(Number(number) - 1) * 2]}`,
    );
}
