import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { env, stderr } from 'node:process';
import { createClient } from 'redis';

/** A Redis server that a single test file uses and may break. */
export interface PrivateRedis {
  readonly url: string;
  /** The folder into which the server writes its dumps. */
  readonly folder: string;
  /** Sends one command over a new TCP connection. */
  readonly command: (...words: readonly string[]) => Promise<unknown>;
  /** Kills the server at once, like a crash. */
  readonly kill: () => Promise<void>;
  /** Starts the server again on the same port, without its records. */
  readonly restart: () => Promise<void>;
  /** Kills the server and removes its folder. */
  readonly stop: () => Promise<void>;
}

/** Sends one command to a server. Rejects if the server is unreachable or responds with an error. */
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

/**
 * Finds a server that test files share: the server at `REDIS_URL`, the server at `localUrl`, or else a new one.
 * Resolves to `undefined` if there is none and none is installed, but rejects if `CI` is set.
 */
export async function findRedis(
  localUrl = 'redis://127.0.0.1:6379',
): Promise<{ url: string; stop: () => Promise<void> } | undefined> {
  const named = env['REDIS_URL'];
  if (named !== undefined) return { url: named, stop: async () => undefined };
  if (await acceptsCommands(localUrl)) return { url: localUrl, stop: async () => undefined };
  return startPrivateRedis();
}

/** Starts a server that a test may break. Resolves to `undefined` if none is installed, but rejects if `CI` is set. */
export async function startPrivateRedis(...options: readonly string[]): Promise<PrivateRedis | undefined> {
  return (await launchPrivateRedis(...options)) ?? reportMissing();
}

async function launchPrivateRedis(...options: readonly string[]): Promise<PrivateRedis | undefined> {
  const port = await findFreePort();
  const url = `redis://127.0.0.1:${port}`;
  const folder = await mkdtemp(join(tmpdir(), 'valetkey-redis-'));
  const removeFolder = () => rm(folder, { recursive: true, force: true });
  let child: ChildProcess | undefined;
  try {
    child = await launch(port, folder, options);
  } finally {
    if (child === undefined) await removeFolder();
  }
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
      await removeFolder();
    },
  };
}

/** Starts a server process and waits until it accepts connections. Resolves to `undefined` if none is installed. */
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

/** Starts a Sentinel that watches a server, with further lines of its configuration, and returns its URL. */
export async function startSentinel(primary: PrivateRedis, ...lines: readonly string[]) {
  const port = await findFreePort();
  const file = join(primary.folder, `sentinel-${port}.conf`);
  const watched = `sentinel monitor primary 127.0.0.1 ${new URL(primary.url).port} 1`;
  await writeFile(file, [`port ${port}`, 'bind 127.0.0.1', watched, ...lines, ''].join('\n'));
  const child = spawn('redis-server', [file, '--sentinel'], { stdio: ['ignore', 'pipe', 'ignore'] });
  await new Promise<void>((resolve, reject) => {
    let output = '';
    child.stdout.on('data', (chunk: Buffer) => {
      output += chunk.toString();
      if (output.includes('Sentinel ID is')) resolve();
    });
    child.once('exit', () => reject(new Error(`The Sentinel ended: ${output}`)));
  });
  return { url: `redis://127.0.0.1:${port}`, stop: () => killProcess(child) };
}

async function killProcess(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exit = new Promise((resolve) => void child.once('exit', resolve));
  child.kill('SIGKILL');
  await exit;
}

export function findFreePort(): Promise<number> {
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

/** Returns whether a server runs at this URL and accepts commands: a server that demands a password does not. */
async function acceptsCommands(url: string): Promise<boolean> {
  try {
    await redisCommand(url, 'PING');
    return true;
  } catch {
    return false;
  }
}

/** Prints that the tests are skipped. Throws instead if `CI` is set, where a server is required. */
function reportMissing(): undefined {
  const message = 'NO REDIS: set REDIS_URL, run a server on 127.0.0.1:6379, or install redis-server.';
  if (env['CI']) throw new Error(message);
  stderr.write(`\n*** ${message} THE TESTS AGAINST A REAL REDIS ARE SKIPPED. ***\n\n`);
  return undefined;
}
