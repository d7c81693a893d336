import { once } from 'node:events';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { setImmediate } from 'node:timers/promises';
import { inspect } from 'node:util';
import { Client } from 'pg';
import { afterEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { createPostgresStore } from './postgres-store.ts';
import {
  createPostgresSchema,
  isPostgresAvailable,
  startSilenceableProxy,
} from '../../test/support/postgres-server.ts';
import { testStore } from '../../test/support/store-conformance.ts';

const alice = { connection: 'vital', vendor: 'vital', issuer: 'https://id.example.com', subject: 'alice' };

/** Stops this process's timers, so that only the test or the server's own timeout ends a call. */
function stopTimers(): void {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
}

afterEach(() => {
  vi.useRealTimers();
});

describe.skipIf(!(await isPostgresAvailable()))('PostgreSQL store over a real server', () => {
  describe('PostgreSQL store conformance', () => {
    testStore(async () => {
      const { url, drop } = await createPostgresSchema();
      return { open: () => createPostgresStore({ url, maxConnections: 4 }), drop };
    });
  });

  test('the PostgreSQL store replaces a connection that the server closed, and at most one call fails', async () => {
    await using schema = await createPostgresSchema();
    const { name, url, execute } = schema;
    const store = createPostgresStore({ url: `${url}&application_name=${name}`, maxConnections: 2 });
    await store.addVendorUser(alice, 'one');
    // Returns once the server has ended its process for the connection, or after 10 seconds.
    const end = `SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE application_name = '${name}'`;
    expect(await execute(end)).toEqual([{ pg_terminate_backend: true }]);
    // The pool may notice the closed connection before the next call or during it.
    const during = await store.findVendorUser(alice).catch(({ code }: { code: string }) => code);
    expect(['one', 'overloaded']).toContain(during);
    expect(await store.findVendorUser(alice)).toBe('one');
    await store.close();
  });

  test('`check` of the PostgreSQL store rejects while a table is missing, and resolves once it is back', async () => {
    await using schema = await createPostgresSchema();
    const { name, url, execute } = schema;
    const store = createPostgresStore({ url });
    await store.check();
    await execute(`ALTER TABLE ${name}.vendor_user_reservation RENAME TO elsewhere`);
    await expect(store.check()).rejects.toMatchObject({ code: 'overloaded', reason: '42P01' });
    await execute(`ALTER TABLE ${name}.elsewhere RENAME TO vendor_user_reservation`);
    await store.check();
    await store.close();
  });

  test('the PostgreSQL store creates dropped tables again after one call has failed because of them', async () => {
    await using schema = await createPostgresSchema();
    const { name, url, execute } = schema;
    const store = createPostgresStore({ url });
    await store.addVendorUser(alice, 'one');
    await execute(`DROP TABLE ${name}.vendor_user, ${name}.vendor_user_reservation, ${name}.decision`);
    await expect(store.findVendorUser(alice)).rejects.toMatchObject({ code: 'overloaded', reason: '42P01' });
    expect(await store.findVendorUser(alice)).toBeUndefined();
    await store.check();
    await store.close();
  });

  test('the PostgreSQL store ends its calls when the server stops responding, and works again once the server responds', async () => {
    stopTimers();
    await using schema = await createPostgresSchema();
    const { url } = schema;
    const proxy = await startSilenceableProxy(url);
    const store = createPostgresStore({ url: proxy.url, maxConnections: 1, timeoutMs: 60_000 });
    await store.addVendorUser(alice, 'one');
    proxy.silence(true);
    const ended: string[] = [];
    const find = async (name: string) => {
      const failure: unknown = await store.findVendorUser(alice).catch((error: unknown) => error);
      ended.push(name);
      return failure;
    };
    // The first call holds the only connection, and the second call waits for that connection.
    const calls = Promise.all([find('running'), find('waiting')]);
    await setImmediate();
    await vi.advanceTimersByTimeAsync(59_999);
    await setImmediate();
    expect(ended).toEqual([]);
    await vi.advanceTimersByTimeAsync(1);
    await setImmediate();
    expect(ended).toEqual(['waiting']);
    // For 500 milliseconds more, the store waits for the server to report its own statement timeout.
    await vi.advanceTimersByTimeAsync(500);
    expect(await calls).toMatchObject([{ code: 'overloaded' }, { code: 'overloaded' }]);
    proxy.silence(false);
    expect(await store.findVendorUser(alice)).toBe('one');
    await store.close();
    await proxy.close();
  });

  test('the server ends a statement of the PostgreSQL store that waits too long for a lock', async () => {
    stopTimers();
    await using schema = await createPostgresSchema();
    const { name, url } = schema;
    const store = createPostgresStore({ url, timeoutMs: 2_000 });
    await store.check();
    const other = new Client({ connectionString: url });
    await other.connect();
    await other.query(`BEGIN; LOCK TABLE ${name}.vendor_user`);
    await expect(store.addVendorUser(alice, 'one')).rejects.toMatchObject({ code: 'overloaded', reason: '57014' });
    await other.query('ROLLBACK');
    expect(await store.addVendorUser(alice, 'two')).toBe('two');
    await other.end();
    await store.close();
  });
  test('the PostgreSQL store answers the calls that wait for a connection while the server ends its sessions', async () => {
    stopTimers();
    await using schema = await createPostgresSchema();
    const { name, url, execute } = schema;
    const store = createPostgresStore({ url: `${url}&application_name=${name}`, maxConnections: 1 });
    await store.addVendorUser(alice, 'one');
    const other = new Client({ connectionString: url });
    await other.connect();
    await other.query(`BEGIN; LOCK TABLE ${name}.vendor_user`);
    const find = () => store.findVendorUser(alice).catch(({ reason }: { reason: string }) => reason);
    const running = find();
    const waiting = find();
    const blocked = `SELECT 1 FROM pg_stat_activity WHERE application_name = '${name}' AND wait_event_type = 'Lock'`;
    await expect.poll(() => execute(blocked)).toHaveLength(1);
    await execute(`SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE application_name = '${name}'`);
    await other.query('ROLLBACK');
    expect(await running).toBe('57P01');
    expect(await waiting).toBe('one');
    await other.end();
    await store.close();
  });

  test.each(['LATIN1', 'SJIS', 'GBK'])(
    'the PostgreSQL store returns the text that was stored, although its URL sets the client encoding %s',
    async (encoding) => {
      await using schema = await createPostgresSchema();
      const url = new URL(schema.url);
      url.searchParams.set('options', `${url.searchParams.get('options')} -c client_encoding=${encoding}`);
      const store = createPostgresStore({ url: url.href });
      expect(await store.addVendorUser(alice, 'é中😀')).toBe('é中😀');
      await store.close();
    },
  );
});

describe('PostgreSQL store without a usable server', () => {
  test('the PostgreSQL store reports an unreachable server without its password', async () => {
    const store = createPostgresStore({ url: 'postgresql://postgres:canary-51f0@127.0.0.1:9/none' });
    const refusal = await store.check().catch((error: unknown) => error);
    expect(refusal).toMatchObject({ code: 'overloaded', reason: 'ECONNREFUSED' });
    expect(`${inspect(refusal, { showHidden: true, depth: 9 })} ${inspect(store, { depth: 9 })}`).not.toContain(
      'canary',
    );
    await store.close();
  });

  test('the PostgreSQL store ends its calls when the server accepts the connection and never responds', async () => {
    const sockets: Socket[] = [];
    const silent = createServer((socket) => void sockets.push(socket)).listen(0, '127.0.0.1');
    await once(silent, 'listening');
    const { port } = silent.address() as AddressInfo;
    // Only the store's own timeout can end these calls.
    const store = createPostgresStore({ url: `postgresql://postgres@127.0.0.1:${port}/test`, timeoutMs: 50 });
    const both = await Promise.allSettled([store.check(), store.findVendorUser(alice)]);
    expect(both).toMatchObject([{ reason: { code: 'overloaded' } }, { reason: { code: 'overloaded' } }]);
    await store.close();
    for (const socket of sockets) socket.destroy();
    silent.close();
    await once(silent, 'close');
  });
});

/** Starts a server that sends one of the responses after each message of a client. */
async function startRefusingServer(...responses: readonly Buffer[]) {
  const server = createServer((socket) => {
    const left = [...responses];
    socket.on('error', () => undefined).on('data', () => socket.write(left.shift() ?? Buffer.alloc(0)));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** Returns an authentication request of PostgreSQL. */
function createAuthenticationRequest(kind: number, text: string): Buffer {
  const head = Buffer.alloc(9);
  head.write('R');
  head.writeInt32BE(8 + text.length, 1);
  head.writeInt32BE(kind, 5);
  return Buffer.concat([head, Buffer.from(text)]);
}

test('the PostgreSQL store reports that the server does not offer TLS', async () => {
  const address = await startRefusingServer(Buffer.from('N'));
  const store = createPostgresStore({ url: `postgresql://user@${address}/test?sslmode=verify-full` });
  await expect(store.check()).rejects.toMatchObject({
    reason: 'TLS_UNSUPPORTED',
    advice: expect.stringContaining('sslmode'),
  });
  await store.close();
});

test.each([
  ['another kind of server', 'J\0\0\0\n8.0.36\0', '', 'NOT_POSTGRES'],
  ['another kind of server instead of TLS', 'HTTP/1.1 400 Bad Request\r\n\r\n', '?sslmode=verify-full', 'NOT_POSTGRES'],
])('the PostgreSQL store reports %s', async (_, response, search, reason) => {
  const address = await startRefusingServer(Buffer.from(response));
  const store = createPostgresStore({ url: `postgresql://user:canary@${address}/test${search}` });
  await expect(store.check()).rejects.toMatchObject({ reason, advice: expect.stringContaining('host and port') });
  await store.close();
});

test('the PostgreSQL store reports that the server ends each connection', async () => {
  const server = createServer((socket) => socket.on('error', () => undefined).once('data', () => socket.end()));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  const { port } = server.address() as AddressInfo;
  const store = createPostgresStore({ url: `postgresql://user:canary@127.0.0.1:${port}/test` });
  await expect(store.check()).rejects.toMatchObject({ reason: 'CLOSED' });
  await store.close();
});

test('the PostgreSQL store reports that the server demands a password which the URL lacks', async () => {
  const address = await startRefusingServer(
    createAuthenticationRequest(10, 'SCRAM-SHA-256\0\0'),
    createAuthenticationRequest(11, 'r=nonce,s=salt,i=4096'),
  );
  const store = createPostgresStore({ url: `postgresql://user@${address}/test` });
  await expect(store.check()).rejects.toMatchObject({
    reason: '28P01',
    advice: expect.stringContaining('password'),
  });
  await store.close();
});

test.each(['', 'mysql://127.0.0.1/test', 'postgresql://user:canary-51f0@:port', '127.0.0.1:5432'])(
  'createPostgresStore throws for the URL %j without quoting it',
  (url) => {
    const create = () => createPostgresStore({ url });
    expect(create).toThrow(TypeError);
    expect(create).not.toThrow('canary');
  },
);
