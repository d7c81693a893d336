import { randomBytes } from 'node:crypto';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { Client } from 'pg';
import { isProgramAvailable } from './required-program.ts';

/** The URL of the server's database, in which tests create schemas. */
export const postgresServerUrl = process.env['POSTGRES_URL'] ?? 'postgresql://postgres@127.0.0.1:5432/test';

async function execute(statement: string): Promise<unknown[]> {
  const client = new Client({ connectionString: postgresServerUrl, connectionTimeoutMillis: 2000 });
  try {
    await client.connect();
    const { rows } = await client.query<Record<string, unknown>>(statement);
    return rows;
  } finally {
    await client.end();
  }
}

/** Returns whether a PostgreSQL server is reachable. Throws if none is and `CI` is set. */
export async function isPostgresAvailable(): Promise<boolean> {
  return isProgramAvailable({
    name: 'PostgreSQL',
    probe: () => execute('SELECT 1'),
    remediation: 'Set POSTGRES_URL, or run a server on 127.0.0.1:5432 with the database "test".',
  });
}

/** Creates a schema with a random name in the server's database, and returns the URL that selects it. */
export async function createPostgresSchema() {
  const name = `valetkey_test_${randomBytes(6).toString('hex')}`;
  await execute(`CREATE SCHEMA ${name}`);
  const url = new URL(postgresServerUrl);
  url.searchParams.set('options', `-c search_path=${name}`);
  const drop = async () => {
    await execute(`DROP SCHEMA ${name} CASCADE`);
  };
  return { name, url: url.href, execute, drop, [Symbol.asyncDispose]: drop };
}

/** Deletes all rows of a schema except the numbers of its version. This is much quicker than creating its tables again. */
export async function emptySchema({ name, execute }: Awaited<ReturnType<typeof createPostgresSchema>>): Promise<void> {
  await execute(`DO $$ DECLARE found text; BEGIN
    FOR found IN SELECT tablename FROM pg_tables WHERE schemaname = '${name}' AND tablename <> 'schema_version'
    LOOP EXECUTE format('DELETE FROM %I.%I', '${name}', found); END LOOP;
  END $$`);
}

/** Starts a proxy to the server at `url`. While it is silenced, its connections stay open and it forwards no byte. */
export async function startSilenceableProxy(url: string) {
  const { hostname, port } = new URL(url);
  let silenced = false;
  const sockets = new Set<Socket>();
  const proxy = createServer((client) => {
    const server = connect(Number(port || 5432), hostname);
    for (const [from, to] of [
      [client, server],
      [server, client],
    ] as const) {
      sockets.add(from);
      from.on('data', (chunk) => silenced || to.write(chunk));
      from.on('error', () => undefined).on('close', () => to.destroy());
    }
  });
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  const proxyUrl = new URL(url);
  proxyUrl.host = `127.0.0.1:${(proxy.address() as AddressInfo).port}`;
  return {
    url: proxyUrl.href,
    silence: (value: boolean) => {
      silenced = value;
    },
    close: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => proxy.close(resolve));
    },
  };
}
