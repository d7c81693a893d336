import { createServer, type AddressInfo, type Socket } from 'node:net';
import { inspect } from 'node:util';
import { describe, expect, test } from 'vitest';
import { createPostgresStore } from './postgres-store.ts';
import {
  createPostgresSchema,
  isPostgresAvailable,
  startSilenceableProxy,
} from '../../test/support/postgres-server.ts';
import { testStore } from '../../test/support/store-conformance.ts';

const alice = { connection: 'vital', issuer: 'https://id.example.com', subject: 'alice' };

describe.skipIf(!(await isPostgresAvailable()))('over a real server', () => {
  describe('conformance', () => {
    testStore(async () => {
      const { url, drop } = await createPostgresSchema();
      return { open: () => createPostgresStore({ url, maxConnections: 4 }), drop };
    });
  });

  test('a connection that the server cuts is replaced, and what it was doing is refused', async () => {
    await using schema = await createPostgresSchema();
    const { name, url, execute } = schema;
    const store = createPostgresStore({ url: `${url}&application_name=${name}`, maxConnections: 2 });
    await store.addVendorUser(alice, 'one');
    const cut = `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = '${name}'`;
    expect(await execute(cut)).not.toEqual([]);
    // The cut may be seen before the next call or by it; never later.
    const during = await store.findVendorUser(alice).catch(({ code }: { code: string }) => code);
    expect(['one', 'overloaded']).toContain(during);
    expect(await store.findVendorUser(alice)).toBe('one');
    await store.close();
  });

  test('a database that takes no writes is unusable, and usable once it takes them again', async () => {
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

  test('tables that somebody dropped are made again, for the call after the one that misses them', async () => {
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

  test('a server that falls silent is refused in time, and used again when it speaks', async () => {
    await using schema = await createPostgresSchema();
    const { url } = schema;
    const proxy = await startSilenceableProxy(url);
    const store = createPostgresStore({ url: proxy.url, maxConnections: 1, timeoutMs: 300 });
    await store.addVendorUser(alice, 'one');
    proxy.silence(true);
    // The first is under way at the only connection, the second waits for it.
    const both = await Promise.allSettled([store.findVendorUser(alice), store.findVendorUser(alice)]);
    expect(both).toMatchObject([{ reason: { code: 'overloaded' } }, { reason: { code: 'overloaded' } }]);
    proxy.silence(false);
    expect(await store.findVendorUser(alice)).toBe('one');
    await store.close();
    await proxy.close();
  });

  test('a statement that waits for a lock too long is ended by the server', async () => {
    await using schema = await createPostgresSchema();
    const { name, url, execute } = schema;
    const store = createPostgresStore({ url, timeoutMs: 300 });
    await store.check();
    const locked = execute(`BEGIN; LOCK TABLE ${name}.vendor_user; SELECT pg_sleep(1); COMMIT`);
    let refusal: unknown;
    while (refusal === undefined) {
      refusal = await store.addVendorUser(alice, 'one').then(
        () => undefined,
        (error: unknown) => error,
      );
    }
    expect(refusal).toMatchObject({ code: 'overloaded', reason: '57014' });
    await locked;
    await store.close();
  });
});

describe('a server', () => {
  test('that is not there is refused, then found when it is there', async () => {
    const store = createPostgresStore({ url: 'postgresql://postgres:canary-51f0@127.0.0.1:9/none' });
    const refusal = await store.check().catch((error: unknown) => error);
    expect(refusal).toMatchObject({ code: 'overloaded', reason: 'ECONNREFUSED' });
    expect(`${inspect(refusal, { showHidden: true, depth: 9 })} ${inspect(store, { depth: 9 })}`).not.toContain(
      'canary',
    );
    await store.close();
  });

  test('that takes the connection and says nothing is refused in time', async () => {
    const sockets: Socket[] = [];
    const silent = createServer((socket) => void sockets.push(socket));
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    const { port } = silent.address() as AddressInfo;
    const store = createPostgresStore({ url: `postgresql://postgres@127.0.0.1:${port}/test`, timeoutMs: 50 });
    const both = await Promise.allSettled([store.check(), store.findVendorUser(alice)]);
    expect(both).toMatchObject([{ reason: { code: 'overloaded' } }, { reason: { code: 'overloaded' } }]);
    await store.close();
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => silent.close(resolve));
  });
});

test.each(['', 'mysql://127.0.0.1/test', 'postgresql://user:canary-51f0@:port', '127.0.0.1:5432'])(
  'refuses %j, and does not repeat it',
  (url) => {
    const create = () => createPostgresStore({ url });
    expect(create).toThrow(TypeError);
    expect(create).not.toThrow('canary');
  },
);
