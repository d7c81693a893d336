import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { env, stderr } from 'node:process';
import { createClient } from 'redis';

/** A Redis server of a test's own, to do with as it likes. */
export interface PrivateRedis {
  readonly url: string;
  /** Where it writes its dumps. */
  readonly folder: string;
  /** Runs one command over a connection of its own. */
  readonly command: (...words: readonly string[]) => Promise<unknown>;
  /** Ends the process at once, as a crash does. */
  readonly kill: () => Promise<void>;
  /** Starts it again, empty, on the same port. */
  readonly restart: () => Promise<void>;
  readonly stop: () => Promise<void>;
}

const freePort = (): Promise<number> =>
  new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      const port = typeof address === 'object' && address !== null ? address.port : 0;
      server.close(() => resolve(port));
    });
  });

/** Runs one command at a server; rejects if it cannot be reached. */
export const redisCommand = async (url: string, ...words: readonly string[]): Promise<unknown> => {
  const client = createClient({ url, RESP: 2, socket: { reconnectStrategy: false, connectTimeout: 1000 } });
  client.on('error', () => undefined);
  await client.connect();
  try {
    return await client.sendCommand([...words]);
  } finally {
    client.destroy();
  }
};

const answers = async (url: string): Promise<boolean> => {
  try {
    // An error of the server (NOAUTH, for one) is an answer, too.
    await redisCommand(url, 'PING');
    return true;
  } catch (error) {
    return /NOAUTH|WRONGPASS/.test(String(error));
  }
};

const pause = (milliseconds: number): Promise<void> => new Promise((resolve) => void setTimeout(resolve, milliseconds));

const spawned = (child: ChildProcess): Promise<boolean> =>
  new Promise((resolve) => {
    child.once('spawn', () => resolve(true));
    child.once('error', () => resolve(false));
  });

const launch = async (port: number, folder: string, options: readonly string[]): Promise<ChildProcess | undefined> => {
  const fixed = ['--port', `${port}`, '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no', '--dir', folder];
  for (const program of ['redis-server', 'valkey-server']) {
    const child = spawn(program, [...fixed, ...options], { stdio: 'ignore' });
    if (!(await spawned(child))) continue;
    for (let attempt = 0; attempt < 200; attempt += 1) {
      if (await answers(`redis://127.0.0.1:${port}`)) return child;
      await pause(25);
    }
    child.kill('SIGKILL');
    throw new Error(`${program} does not answer on port ${port}.`);
  }
  return undefined;
};

const ended = async (child: ChildProcess): Promise<void> => {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exit = new Promise((resolve) => void child.once('exit', resolve));
  child.kill('SIGKILL');
  await exit;
};

/** Starts a server of its own, where there is one to start. */
const startPrivateRedis = async (...options: readonly string[]): Promise<PrivateRedis | undefined> => {
  const port = await freePort();
  const url = `redis://127.0.0.1:${port}`;
  const folder = await mkdtemp(join(tmpdir(), 'valetkey-redis-'));
  let child = await launch(port, folder, options);
  if (child === undefined) return undefined;
  return {
    url,
    folder,
    command: (...words) => redisCommand(url, ...words),
    kill: async () => {
      if (child) await ended(child);
    },
    restart: async () => {
      child = await launch(port, folder, options);
    },
    stop: async () => {
      if (child) await ended(child);
      await rm(folder, { recursive: true, force: true });
    },
  };
};

/** What the tests do without a server: say so, and fail where a server is a must. */
const refuse = (): undefined => {
  const message = 'NO REDIS: set REDIS_URL, run one on 127.0.0.1:6379, or install redis-server.';
  if (env['CI']) throw new Error(message);
  stderr.write(`\n*** ${message} THE TESTS AGAINST A REAL REDIS ARE SKIPPED. ***\n\n`);
  return undefined;
};

/** A server to share: the one of `REDIS_URL`, else the one of this machine, else one started here. */
export const findRedis = async (): Promise<{ url: string; stop: () => Promise<void> } | undefined> => {
  const named = env['REDIS_URL'];
  if (named !== undefined) return { url: named, stop: async () => undefined };
  const local = 'redis://127.0.0.1:6379';
  if (await answers(local)) return { url: local, stop: async () => undefined };
  return (await startPrivateRedis()) ?? refuse();
};

/** A server to break. */
export const requirePrivateRedis = async (...options: readonly string[]): Promise<PrivateRedis | undefined> =>
  (await startPrivateRedis(...options)) ?? refuse();
