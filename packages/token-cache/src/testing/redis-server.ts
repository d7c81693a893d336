import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { env, stderr } from 'node:process';
import { createClient } from 'redis';

/** A Redis server that one test file owns and may break. */
export interface PrivateRedis {
  readonly url: string;
  /** The folder of its dumps. */
  readonly folder: string;
  /** Sends one command over a new connection. */
  readonly command: (...words: readonly string[]) => Promise<unknown>;
  /** Ends the process at once, as a crash does. */
  readonly kill: () => Promise<void>;
  /** Starts it again on the same port, without its records. */
  readonly restart: () => Promise<void>;
  readonly stop: () => Promise<void>;
}

/** Sends one command to a server. Rejects if it cannot be reached. */
export async function redisCommand(url: string, ...words: readonly string[]): Promise<unknown> {
  const client = createClient({ url, RESP: 2, socket: { reconnectStrategy: false, connectTimeout: 10_000 } });
  client.on('error', () => undefined);
  await client.connect();
  try {
    return await client.sendCommand([...words]);
  } finally {
    client.destroy();
  }
}

/** Finds a server to share: that of `REDIS_URL`, or that of this machine, or a new one. */
export async function findRedis(): Promise<{ url: string; stop: () => Promise<void> } | undefined> {
  const named = env['REDIS_URL'];
  if (named !== undefined) return { url: named, stop: async () => undefined };
  const local = 'redis://127.0.0.1:6379';
  if (await isRunning(local)) return { url: local, stop: async () => undefined };
  return (await startPrivateRedis()) ?? reportMissing();
}

/** Starts a server that a test may break. */
export async function requirePrivateRedis(...options: readonly string[]): Promise<PrivateRedis | undefined> {
  return (await startPrivateRedis(...options)) ?? reportMissing();
}

async function startPrivateRedis(...options: readonly string[]): Promise<PrivateRedis | undefined> {
  const port = await findFreePort();
  const url = `redis://127.0.0.1:${port}`;
  const folder = await mkdtemp(join(tmpdir(), 'valetkey-redis-'));
  let child = await launch(port, folder, options);
  if (child === undefined) return undefined;
  return {
    url,
    folder,
    command: (...words) => redisCommand(url, ...words),
    kill: async () => {
      if (child) await killProcess(child);
    },
    restart: async () => {
      child = await launch(port, folder, options);
    },
    stop: async () => {
      if (child) await killProcess(child);
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Starts a server and waits until it accepts connections. Resolves to `undefined` if none is installed. */
async function launch(port: number, folder: string, options: readonly string[]): Promise<ChildProcess | undefined> {
  const fixed = ['--port', `${port}`, '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no', '--dir', folder];
  for (const program of ['redis-server', 'valkey-server']) {
    const child = spawn(program, [...fixed, ...options], { stdio: ['ignore', 'pipe', 'ignore'] });
    const outcome = await new Promise<'ready' | 'ended' | 'not installed'>((resolve) => {
      let output = '';
      child.stdout.on('data', (chunk: Buffer) => {
        if (!output.includes('Ready to accept connections')) output += chunk.toString();
        if (output.includes('Ready to accept connections')) resolve('ready');
      });
      child.once('exit', () => resolve('ended'));
      child.once('error', () => resolve('not installed'));
    });
    if (outcome === 'ready') return child;
    if (outcome === 'ended') throw new Error(`${program} ended before it accepted connections on port ${port}.`);
  }
  return undefined;
}

async function killProcess(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exit = new Promise((resolve) => void child.once('exit', resolve));
  child.kill('SIGKILL');
  await exit;
}

function findFreePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      const port = typeof address === 'object' && address !== null ? address.port : 0;
      server.close(() => resolve(port));
    });
  });
}

async function isRunning(url: string): Promise<boolean> {
  try {
    await redisCommand(url, 'PING');
    return true;
  } catch (error) {
    // A server that refuses the connection is running, too.
    return /NOAUTH|WRONGPASS/.test(String(error));
  }
}

/** Says that the tests are skipped, and fails where a server is required. */
function reportMissing(): undefined {
  const message = 'NO REDIS: set REDIS_URL, run a server on 127.0.0.1:6379, or install redis-server.';
  if (env['CI']) throw new Error(message);
  stderr.write(`\n*** ${message} THE TESTS AGAINST A REAL REDIS ARE SKIPPED. ***\n\n`);
  return undefined;
}
