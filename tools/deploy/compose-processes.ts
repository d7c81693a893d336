import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { connect, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createSandbox } from '@valetkey/sandbox';
import { expect } from 'vitest';
import { findKeptPort } from '../../apps/broker/test/support/free-port.ts';
import { commandFile } from '../../apps/broker/test/support/valetkey-process.ts';
import { root } from '../workspace.ts';
import { listBrokers, orderServices, readComposeFile } from './compose-file.ts';
import {
  configFileOf,
  configPath,
  end,
  findPostgresPrograms,
  locate,
  nginxWords,
  startBroker,
  startNginx,
  startPostgres,
  startRedis,
  writeBrokerConfig,
  type ServiceProcess,
  type Topology,
} from './compose-programs.ts';
import type { StandInState } from './docker-stand-in.ts';

/** Gives each port of the services a free port of this machine. */
async function createTopology(folder: string): Promise<Topology> {
  const ports = new Map<string, number>();
  const brokers = listBrokers().flatMap((name) => [`${name}:8787`, `${name}:8788`]);
  for (const address of [...brokers, 'postgres:5432', 'redis:6379', 'nginx:443']) {
    ports.set(address, await findKeptPort([...ports.values()]));
  }
  const portOf = (address: string) => {
    const port = ports.get(address);
    if (port === undefined) throw new Error(`${address} is no address of compose.yaml.`);
    return port;
  };
  return { folder, portOf };
}

/** Returns whether a process accepts TCP connections at a port of this machine. */
function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port });
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });
}

const statusOf = (url: string) =>
  fetch(url).then(
    ({ status }) => status,
    () => 0,
  );

/** Runs the services of `deploy/compose/compose.yaml` as processes, with a sandbox as identity provider and vendor. */
export async function createComposeProcesses() {
  const base = mkdtempSync(join(tmpdir(), 'valetkey-compose-'));
  const folder = join(base, 'deploy/compose');
  const source = join(root, 'deploy/compose');
  // What git ignores there are the secrets and backups of a deployment of this machine.
  cpSync(source, folder, { recursive: true, filter: (path) => !/\/secrets$|\.dump$/.test(path.slice(source.length)) });
  // PostgreSQL runs as another user.
  chmodSync(base, 0o755);
  const sandbox = await createSandbox();
  const topology = await createTopology(folder);
  const { services } = readComposeFile();
  const brokers = listBrokers();
  const running = new Map<string, ServiceProcess>();
  const outside = { issuer: { issuer: sandbox.urls.idp, audiences: ['valetkey'] }, nudgeUrl: sandbox.urls.nudge };

  const launch = (name: string): ServiceProcess => {
    const service = services[name];
    if (service === undefined) throw new Error(`${name} is no service of compose.yaml.`);
    if (name === 'postgres') return startPostgres(service, topology);
    if (name === 'redis') return startRedis(service, topology);
    if (name === 'nginx') return startNginx(topology);
    writeBrokerConfig(name, topology, outside);
    return startBroker(name, topology);
  };
  const isHealthy = async (name: string) => {
    if (!brokers.includes(name)) {
      const address = { postgres: 'postgres:5432', redis: 'redis:6379', nginx: 'nginx:443' }[name] ?? '';
      return accepts(topology.portOf(address));
    }
    return (await statusOf(`http://127.0.0.1:${topology.portOf(`${name}:8787`)}/readyz`)) === 200;
  };
  const up = async (names: readonly string[]) => {
    if (!running.has('postgres')) prepareSecrets(topology);
    for (const name of names) {
      const process = running.get(name) ?? launch(name);
      running.set(name, process);
      const state = async () => (process.child.exitCode === null ? await isHealthy(name) : process.output());
      await expect.poll(state, { interval: 50, timeout: 100_000 }).toBe(true);
    }
  };
  const stop = async (names: readonly string[], signal: NodeJS.Signals = 'SIGTERM') => {
    await Promise.all(
      names.map(async (name) => {
        const process = running.get(name);
        running.delete(name);
        if (process !== undefined) await end(process, signal);
      }),
    );
  };

  /** The services whose image was built again, so that Compose replaces their containers. */
  const outdated = new Set<string>();
  /** Does what `docker compose <operation> <words>` does with processes. */
  const operate = async ([operation, ...words]: readonly string[]) => {
    const named = words.filter((word) => !word.startsWith('-'));
    if (operation === 'stop') return stop(named);
    if (operation === 'build') return void brokers.forEach((name) => outdated.add(name));
    if (operation !== 'up') throw new Error(`docker compose ${operation} is not known.`);
    const wanted = named.length === 0 ? orderServices(services) : named;
    await stop(wanted.filter((name) => words.includes('--force-recreate') || outdated.delete(name)));
    return up(wanted);
  };
  const control = createServer((request, response) => {
    const read = async () => {
      let body = '';
      for await (const chunk of request) body += chunk;
      await operate(JSON.parse(body) as string[]);
    };
    read().then(
      () => response.end(),
      (error: unknown) => response.writeHead(500).end(String(error)),
    );
  }).listen(0, '127.0.0.1');
  await once(control, 'listening');

  const environment = installStandIn(topology, `http://127.0.0.1:${(control.address() as AddressInfo).port}`);
  return {
    /** Stands for the root folder of the repository, and has only `deploy/compose`. */
    base,
    folder,
    sandbox,
    topology,
    running,
    brokers,
    url: `https://localhost:${topology.portOf('nginx:443')}`,
    /** Runs commands as a shell does, in the copy of the repository. Resolves with what they print, and rejects if one fails. */
    run: (commands: string, variables: Readonly<Record<string, string>> = {}, place = folder) =>
      runInShell(commands, place, { ...environment, ...variables }),
    stop,
    [Symbol.asyncDispose]: async () => {
      await stop([...running.keys()], 'SIGKILL');
      control.closeAllConnections();
      control.close();
      await sandbox.close();
      rmSync(base, { recursive: true });
    },
  };
}

/** Lets the addresses in the secrets lead to this machine, and lets the users of PostgreSQL and Redis read them. */
function prepareSecrets(topology: Topology): void {
  const secrets = join(topology.folder, 'secrets');
  for (const name of readdirSync(secrets)) {
    const file = join(secrets, name);
    writeFileSync(file, locate(readFileSync(file, 'utf8'), topology));
  }
  chmodSync(secrets, 0o755);
}

/** Writes a program `docker` and the facts that it needs, and returns the variables of a shell that finds both. */
function installStandIn(topology: Topology, control: string): Record<string, string> {
  const { folder, portOf } = topology;
  const programs = join(folder, 'programs');
  const state: StandInState = {
    control,
    services: {
      ...Object.fromEntries(
        listBrokers().map((name) => [
          name,
          {
            programs: { valetkey: [process.execPath, commandFile] },
            environment: { PATH: process.env['PATH'] ?? '' },
            paths: { [configPath]: configFileOf(name, topology) },
            adminUrl: `http://127.0.0.1:${portOf(`${name}:8788`)}`,
          },
        ]),
      ),
      postgres: {
        programs: Object.fromEntries(
          ['pg_dump', 'pg_restore'].map((name) => [name, [join(findPostgresPrograms(), name)]]),
        ),
        environment: { PGHOST: join(folder, 'postgres-socket'), PGPORT: String(portOf('postgres:5432')) },
        paths: {},
      },
      nginx: {
        programs: { nginx: ['nginx', ...nginxWords(topology)] },
        environment: { PATH: process.env['PATH'] ?? '' },
        paths: {},
      },
    },
  };
  mkdirSync(programs);
  const file = join(programs, 'docker');
  writeFileSync(join(folder, 'stand-in.json'), JSON.stringify(state));
  writeFileSync(
    file,
    `#!/bin/sh\nexec '${process.execPath}' '${join(root, 'tools/deploy/docker-stand-in.ts')}' "$@"\n`,
  );
  chmodSync(file, 0o755);
  return { PATH: `${programs}:${process.env['PATH']}`, DOCKER_STAND_IN: join(folder, 'stand-in.json') };
}

async function runInShell(command: string, folder: string, environment: Record<string, string>): Promise<string> {
  const child = spawn('bash', ['-euc', command], { cwd: folder, env: environment, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  const read = (chunk: Buffer) => void (output += chunk);
  child.stdout.on('data', read);
  child.stderr.on('data', read);
  const [code] = (await once(child, 'close')) as [number | null];
  if (code !== 0) throw new Error(`${command}\nended with ${code}:\n${output}`);
  return output;
}
