import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';
import type { BrokerConfigInput } from '../src/config/define-config.ts';
import { startIdentityProvider } from './broker-identity.ts';
import { benchFile, startServer, startVendor, type RunningServer } from './broker-process.ts';

export const floor = 'floor: bare fastify';
export const byHand = 'by hand: fastify, jose, fetch';
export const onSqlite = 'Valet Key, SQLite';
export const onSqliteFull = 'Valet Key, SQLite with `synchronous: full`';
export const onPostgres = 'Valet Key, PostgreSQL';

export const authorizePath = '/v1/authorize';
export const issuePath = '/v1/vendors/nabla/token';

const postgresUrl = process.env['POSTGRES_URL'] ?? 'postgresql://postgres@127.0.0.1:5432/test';
const command = benchFile('../dist/cli/valetkey.js');

/** Returns whether this broker has the option `store.synchronous`. */
export function hasSynchronousOption(): boolean {
  return readFileSync(benchFile('../config.schema.json'), 'utf8').includes('"synchronous"');
}

/** What all contestants share: the identity provider, the vendor, and a folder. */
export async function openBench({
  users,
  vendorDelayMs = 0,
}: {
  readonly users: number;
  readonly vendorDelayMs?: number;
}) {
  const identity = await startIdentityProvider(users);
  const vendor = await startVendor(vendorDelayMs);
  const folder = await mkdtemp(join(tmpdir(), 'valetkey-bench-'));
  const running: RunningServer[] = [];
  const databases: string[] = [];

  async function createDatabase(): Promise<string> {
    const name = `valetkey_bench_${randomBytes(6).toString('hex')}`;
    await runOnPostgres(`CREATE DATABASE ${name}`);
    databases.push(name);
    const url = new URL(postgresUrl);
    url.pathname = `/${name}`;
    return url.href;
  }

  async function configure(name: string): Promise<string> {
    const file = join(folder, `${randomBytes(6).toString('hex')}.json`);
    const sqlite = { sqlite: file.replace('.json', '.sqlite') };
    const stores = {
      [onSqlite]: async () => sqlite,
      [onSqliteFull]: async () => ({ ...sqlite, synchronous: 'full' }),
      [onPostgres]: async () => ({ postgres: await createDatabase() }),
    } as Record<string, () => Promise<BrokerConfigInput['store']>>;
    const config: BrokerConfigInput = {
      listen: { port: 0 },
      admin: { port: 0 },
      store: await stores[name]?.(),
      audit: { key: randomBytes(32).toString('base64') },
      issuers: [{ issuer: identity.issuer, audiences: [identity.audience], jwksUri: identity.jwksUri }],
      vendors: { nabla: { baseUrl: vendor.url, serverKey: 'server_bench', user: { claim: 'nabla_patient_id' } } },
    };
    await writeFile(file, JSON.stringify(config));
    return file;
  }

  /** Returns the arguments with which Node starts a contestant. A broker started twice with them uses the same store. */
  async function argumentsOf(name: string): Promise<string[]> {
    const { issuer, audience, jwksUri } = identity;
    const options = { vendorUrl: vendor.url, issuer, audience, jwksUri };
    if (name === byHand) return [benchFile('broker-hand.ts'), JSON.stringify(options)];
    if (name === floor)
      return [benchFile('broker-floor.ts'), JSON.stringify({ ...options, authorized: await readAuthorized() })];
    return [command, 'start', '--config', await configure(name)];
  }

  /** Reads the broker's response to an authorized request, so that the floor responds the same. */
  async function readAuthorized() {
    const broker = await start(onSqlite);
    const authorization = `Bearer ${identity.tokens[0]}`;
    const { status, headers } = await fetch(broker.url + authorizePath, { headers: { authorization } });
    await broker.stop();
    const ownHeaders = new Set(['connection', 'date', 'keep-alive']);
    return { status, headers: Object.fromEntries([...headers].filter(([name]) => !ownHeaders.has(name))) };
  }

  async function start(name: string): Promise<RunningServer> {
    const server = await startServer(await argumentsOf(name));
    running.push(server);
    return server;
  }

  return {
    tokens: identity.tokens,
    argumentsOf,
    start,
    async close() {
      await Promise.all(running.map(({ stop }) => stop()));
      for (const database of databases) await runOnPostgres(`DROP DATABASE ${database}`);
      vendor.stop();
      identity.close();
      await rm(folder, { recursive: true });
    },
  };
}

export type Bench = Awaited<ReturnType<typeof openBench>>;

async function runOnPostgres(statement: string): Promise<void> {
  const client = new Client(postgresUrl);
  await client.connect();
  await client.query(statement);
  await client.end();
}
