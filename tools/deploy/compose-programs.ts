import { execFileSync, spawn, type ChildProcess, type ExecFileSyncOptions } from 'node:child_process';
import { once } from 'node:events';
import { chownSync, globSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse, stringify } from 'yaml';

import { commandFile } from '../../apps/broker/test/support/valetkey-process.ts';
import { root } from '../workspace.ts';
import { parseDockerfile, valuesOf, wordsOf } from './dockerfile.ts';
import type { ComposeService } from './compose-file.ts';

/** A process that stands for the container of a service. */
export interface ServiceProcess {
  readonly child: ChildProcess;
  /** What the process has printed. */
  readonly output: () => string;
}

/** What a program needs to know about the folder and the ports of the services. */
export interface Topology {
  /** The copy of `deploy/compose`. */
  readonly folder: string;
  /** The port of this machine for each `service:port`. */
  readonly portOf: (address: string) => number;
}

/** The folder of the programs of PostgreSQL. Debian keeps the server outside PATH. */
export function findPostgresPrograms(): string {
  const [found] = globSync('/usr/lib/postgresql/*/bin/initdb').toSorted().toReversed();
  if (found === undefined) throw new Error('initdb is missing.');
  return found.slice(0, -'/initdb'.length);
}

/** PostgreSQL and Redis run as a user without rights, as in their images: PostgreSQL refuses to run as root. */
const nobody = 65_534;
const withoutRights: { readonly uid?: number; readonly gid?: number } =
  process.getuid?.() === 0 ? { uid: nobody, gid: nobody } : {};

function start(file: string, words: readonly string[], options: object = {}): ServiceProcess {
  const child = spawn(file, words, { stdio: ['ignore', 'pipe', 'pipe'], ...options });
  let output = '';
  const read = (chunk: Buffer) => void (output += chunk);
  child.stdout.on('data', read);
  child.stderr.on('data', read);
  return { child, output: () => output };
}

/** Replaces the addresses and paths of the containers in a text. */
export function locate(text: string, { folder, portOf }: Topology): string {
  return text
    .replaceAll('/run/secrets/', `${folder}/secrets/`)
    .replaceAll(/\b(broker-\d|postgres|redis):\d+/g, (address) => `127.0.0.1:${portOf(address)}`);
}

/** Creates the data folder as the image of PostgreSQL does at its first start, and starts the server. */
export function startPostgres({ environment }: ComposeService, topology: Topology): ServiceProcess {
  const programs = findPostgresPrograms();
  const data = join(topology.folder, 'postgres-data');
  const socketFolder = join(topology.folder, 'postgres-socket');
  const { POSTGRES_USER = '', POSTGRES_DB = '', POSTGRES_PASSWORD_FILE = '' } = environment;
  const port = topology.portOf('postgres:5432');
  if (globSync('PG_VERSION', { cwd: data }).length === 0) {
    for (const folder of [data, socketFolder]) {
      mkdirSync(folder, { mode: 0o700 });
      if (process.getuid?.() === 0) chownSync(folder, nobody, nobody);
    }
    const password = locate(POSTGRES_PASSWORD_FILE, topology);
    const options: ExecFileSyncOptions = { stdio: ['ignore', 'ignore', 'pipe'], ...withoutRights };
    const words = ['-D', data, '-U', POSTGRES_USER, `--pwfile=${password}`, '--auth-local=trust'];
    execFileSync(join(programs, 'initdb'), [...words, '--auth-host=scram-sha-256', '-E', 'UTF8', '--no-sync'], options);
    const single = ['--single', '-D', data, 'postgres'];
    execFileSync(join(programs, 'postgres'), single, {
      ...withoutRights,
      input: `CREATE DATABASE ${POSTGRES_DB} OWNER ${POSTGRES_USER}\n`,
      stdio: ['pipe', 'ignore', 'pipe'],
    });
  }
  const words = ['-D', data, '-p', String(port), '-k', socketFolder, '-h', '127.0.0.1', '-c', 'fsync=off'];
  return start(join(programs, 'postgres'), words, withoutRights);
}

/** Starts Redis with the command of the Compose file. */
export function startRedis({ command = [] }: ComposeService, topology: Topology): ServiceProcess {
  const [file = '', ...words] = command.map((word) => locate(word, topology));
  const address = ['--port', String(topology.portOf('redis:6379')), '--bind', '127.0.0.1'];
  return start(file, [...words, ...address], { cwd: topology.folder });
}

/** Returns the words with which nginx finds the configuration that {@link startNginx} writes. */
export function nginxWords({ folder }: Topology): string[] {
  return ['-p', folder, '-c', join(folder, 'framed-nginx.conf')];
}

/** Starts nginx with the configuration of the Compose file, in the frame that the file of its image has around it. */
export function startNginx(topology: Topology): ServiceProcess {
  const { folder } = topology;
  const text = locate(readFileSync(join(folder, 'nginx.conf'), 'utf8'), topology)
    .replace('listen 443 ssl;', `listen 127.0.0.1:${topology.portOf('nginx:443')} ssl;`)
    .replace('/dev/stdout', join(folder, 'access.log'));
  const words = nginxWords(topology);
  writeFileSync(
    words.at(-1) ?? '',
    `user root; daemon off; worker_processes 1; pid ${folder}/nginx.pid; error_log stderr;
    events {}
    http {
      client_body_temp_path ${folder}/body; proxy_temp_path ${folder}/proxy;
      fastcgi_temp_path ${folder}/f; uwsgi_temp_path ${folder}/u; scgi_temp_path ${folder}/s;
      ${text}
    }`,
  );
  return start('nginx', words);
}

/** The path of the configuration in the container of a broker. */
export const configPath = '/etc/valetkey/valetkey.config.yaml';

/** Returns the path of a broker's configuration. Each has ports of its own, because all of them run on one machine. */
export function configFileOf(name: string, { folder }: Topology): string {
  return join(folder, `${name}.config.yaml`);
}

interface BrokerConfigFile {
  readonly listen: object;
  readonly admin: object;
  readonly redis: object;
  readonly store: object;
  readonly vendors: { readonly nudge: object };
}

const patienceMs = 10_000;

/** Where the sandbox stands for the identity provider and the vendor of the example. */
export interface Outside {
  readonly issuer: object;
  readonly nudgeUrl: string;
}

/** Writes the configuration of a broker: the file of the folder, with the ports of this machine and the servers of the test. */
export function writeBrokerConfig(name: string, topology: Topology, { issuer, nudgeUrl }: Outside): void {
  const text = locate(readFileSync(join(topology.folder, 'config/valetkey.config.yaml'), 'utf8'), topology);
  const config = parse(text) as BrokerConfigFile;
  const { listen, admin, vendors } = config;
  const written = {
    ...config,
    listen: { ...listen, host: '127.0.0.1', port: topology.portOf(`${name}:8787`), trustedProxies: ['127.0.0.1'] },
    admin: { ...admin, port: topology.portOf(`${name}:8788`) },
    // A busy machine may respond late.
    redis: { ...config.redis, timeoutMs: patienceMs },
    store: { ...config.store, timeoutMs: patienceMs },
    issuers: [issuer],
    vendors: { nudge: { ...vendors.nudge, baseUrl: nudgeUrl, timeoutMs: patienceMs } },
  };
  writeFileSync(configFileOf(name, topology), stringify(written));
}

/** Starts a broker with the entry point and the command of the image. */
export function startBroker(name: string, topology: Topology): ServiceProcess {
  const { stages } = parseDockerfile(readFileSync(join(root, 'deploy/Dockerfile'), 'utf8'));
  const final = stages.at(-1);
  if (final === undefined) throw new Error('The Dockerfile has no stage.');
  const [entrypoint = '[]'] = valuesOf(final, 'ENTRYPOINT');
  const [command = '[]'] = valuesOf(final, 'CMD');
  const [, ...words] = [...wordsOf(entrypoint), ...wordsOf(command)].map((word) => {
    if (word === configPath) return configFileOf(name, topology);
    return word.endsWith('/valetkey.js') ? commandFile : word;
  });
  return start(process.execPath, words, { cwd: topology.folder, env: { PATH: process.env['PATH'] } });
}

/** Ends a process by a signal, and resolves when it has ended. */
export async function end({ child }: ServiceProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill(signal);
  await ended;
}
