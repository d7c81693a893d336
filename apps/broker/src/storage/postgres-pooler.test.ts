import { Client } from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { isPgBouncerAvailable, startPgBouncer } from '../../test/support/pgbouncer.ts';
import {
  createPostgresSchema,
  emptySchema,
  isPostgresAvailable,
  postgresServerUrl,
} from '../../test/support/postgres-server.ts';
import { testStore } from '../../test/support/store-conformance.ts';
import { createPostgresStore, migratePostgresStore } from './postgres-store.ts';

const alice = { connection: 'vital', vendor: 'vital', issuer: 'https://id.example.com', subject: 'alice' };
const isAvailable = (await isPostgresAvailable()) && (await isPgBouncerAvailable());

describe.skipIf(!isAvailable).each(['transaction', 'session', 'statement'] as const)(
  'PostgreSQL store through PgBouncer in %s mode',
  (mode) => {
    let pooler: Awaited<ReturnType<typeof startPgBouncer>>;
    beforeAll(async () => {
      pooler = await startPgBouncer(postgresServerUrl, mode);
    });
    afterAll(() => pooler[Symbol.asyncDispose]());

    /** Creates a schema and returns the URL that selects it through the pooler. */
    const createSchema = async () => {
      const schema = await createPostgresSchema();
      const url = new URL(pooler.url);
      url.search = new URL(schema.url).search;
      return { ...schema, url: url.href };
    };

    // One schema for all tests: the store's own test creates its tables for each test.
    let shared: Awaited<ReturnType<typeof createSchema>> | undefined;
    afterAll(async () => shared?.drop());
    testStore(async () => {
      const schema = (shared ??= await createSchema());
      const open = () => createPostgresStore({ url: schema.url, maxConnections: 2 });
      return { open, drop: () => emptySchema(schema) };
    });

    test(`eight processes create the tables of one database at once through the pooler in ${mode} mode`, async () => {
      await using schema = await createSchema();
      const stores = Array.from({ length: 8 }, () => createPostgresStore({ url: schema.url, maxConnections: 1 }));
      await Promise.all(stores.map((store, index) => store.setVendorUser({ ...alice, subject: `s${index}` }, 'one')));
      expect(await stores[0]?.listMappings({ limit: 10 })).toHaveLength(8);
      await Promise.all(stores.map((store) => store.close()));
    });

    test(`the server ends a statement that waits for a lock, and the next client of the pooler in ${mode} mode has none of the store's settings`, async () => {
      await using schema = await createSchema();
      // All tables in one statement need longer than half a second on a busy machine.
      await migratePostgresStore({ url: schema.url });
      const store = createPostgresStore({ url: schema.url, timeoutMs: 500, maxConnections: 1 });
      await store.addVendorUser(alice, 'one');
      await schema.execute(`CREATE FUNCTION ${schema.name}.stop() RETURNS trigger LANGUAGE plpgsql AS
        'BEGIN PERFORM pg_sleep(30); RETURN NEW; END'`);
      await schema.execute(`CREATE TRIGGER stop BEFORE INSERT ON ${schema.name}.blocked_user
        EXECUTE FUNCTION ${schema.name}.stop()`);
      await expect(store.blockUser(alice)).rejects.toMatchObject({ code: 'overloaded', reason: '57014' });
      expect(await store.findVendorUser(alice)).toBe('one');
      await store.close();
      const url = new URL(schema.url);
      url.search = '';
      const client = new Client({ connectionString: url.href });
      await client.connect();
      const { rows } = await client.query(
        "SELECT current_setting('statement_timeout') AS timeout, current_setting('search_path') AS path",
      );
      expect(rows).toEqual([{ timeout: '0', path: '"$user", public' }]);
      await client.end();
    });
  },
);
