import { randomBytes } from 'node:crypto';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { Client } from 'pg';

const serverUrl = process.env['POSTGRES_URL'] ?? 'postgresql://postgres@127.0.0.1:5432/test';

async function onServer(statement: string): Promise<unknown[]> {
  const client = new Client({ connectionString: serverUrl, connectionTimeoutMillis: 2000 });
  try {
    await client.connect();
    const { rows } = await client.query<Record<string, unknown>>(statement);
    return rows;
  } finally {
    await client.end();
  }
}

/** Whether there is a server for the tests. Its absence is told, and on CI it is a failure. */
export async function isPostgresAvailable(): Promise<boolean> {
  try {
    await onServer('SELECT 1');
    return true;
  } catch {
    const message = 'NO POSTGRESQL: set POSTGRES_URL, or run one on 127.0.0.1:5432 with the database "test".';
    if (process.env['CI'] !== undefined) throw new Error(message);
    process.stderr.write(`\n*** ${message} Its tests are skipped. ***\n`);
    return false;
  }
}

/** A schema of its own in the server's database, and the URL that leads there. */
export async function createPostgresSchema() {
  const name = `valetkey_test_${randomBytes(6).toString('hex')}`;
  await onServer(`CREATE SCHEMA ${name}`);
  const url = new URL(serverUrl);
  url.searchParams.set('options', `-c search_path=${name}`);
  const drop = async () => {
    await onServer(`DROP SCHEMA ${name} CASCADE`);
  };
  return { name, url: url.href, execute: onServer, drop, [Symbol.asyncDispose]: drop };
}

/** A way to the server at `url` that can fall silent: connections stay open, and nothing passes. */
export async function startMutableProxy(url: string) {
  const { hostname, port } = new URL(url);
  let muted = false;
  const sockets = new Set<Socket>();
  const proxy = createServer((client) => {
    const server = connect(Number(port || 5432), hostname);
    for (const [from, to] of [
      [client, server],
      [server, client],
    ] as const) {
      sockets.add(from);
      from.on('data', (chunk) => muted || to.write(chunk));
      from.on('error', () => undefined).on('close', () => to.destroy());
    }
  });
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  const through = new URL(url);
  through.host = `127.0.0.1:${(proxy.address() as AddressInfo).port}`;
  return {
    url: through.href,
    mute: (value: boolean) => {
      muted = value;
    },
    close: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => proxy.close(resolve));
    },
  };
}
