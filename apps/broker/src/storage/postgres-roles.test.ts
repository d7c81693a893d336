import { randomBytes } from 'node:crypto';
import { describe, expect, onTestFinished, test } from 'vitest';
import { createPostgresSchema, isPostgresAvailable } from '../../test/support/postgres-server.ts';
import { createPostgresStore, migratePostgresStore } from './postgres-store.ts';

const alice = { connection: 'vital', vendor: 'vital', issuer: 'https://id.example.com', subject: 'alice' };

/** Creates a schema, and a role that may use the schema and its tables but may create nothing. */
async function createSchemaWithRole() {
  const schema = await createPostgresSchema();
  const role = `valetkey_test_${randomBytes(6).toString('hex')}`;
  const password = randomBytes(12).toString('hex');
  await schema.execute(`CREATE ROLE ${role} LOGIN PASSWORD '${password}'`);
  await schema.execute(`GRANT USAGE ON SCHEMA ${schema.name} TO ${role}`);
  await schema.execute(`ALTER DEFAULT PRIVILEGES IN SCHEMA ${schema.name}
    GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO ${role}`);
  onTestFinished(async () => {
    await schema.drop();
    await schema.execute(`DROP OWNED BY ${role}; DROP ROLE ${role}`);
  });
  const url = new URL(schema.url);
  url.username = role;
  url.password = password;
  return { ...schema, role, ownerUrl: schema.url, roleUrl: url.href };
}

function open(url: string, maxConnections?: number) {
  const store = createPostgresStore({ url, maxConnections });
  onTestFinished(() => store.close());
  return store;
}

describe.skipIf(!(await isPostgresAvailable()))('PostgreSQL roles', () => {
  test('a role that may not create tables uses the tables that `migratePostgresStore` created', async () => {
    const { ownerUrl, roleUrl } = await createSchemaWithRole();
    const store = open(roleUrl);
    await expect(store.check()).rejects.toMatchObject({
      code: 'overloaded',
      reason: 'MIGRATION_REQUIRED',
      advice: expect.stringContaining('valetkey migrate'),
    });
    await expect(migratePostgresStore({ url: roleUrl })).rejects.toMatchObject({ reason: 'MIGRATION_REQUIRED' });
    await migratePostgresStore({ url: ownerUrl });
    await migratePostgresStore({ url: ownerUrl });
    await migratePostgresStore({ url: roleUrl });
    await store.check();
    expect(await store.addVendorUser(alice, 'one')).toBe('one');
    await store.blockUser(alice);
    expect((await store.listDecisions({ limit: 1 })).decisions).toEqual([]);
  });

  test('tables of an earlier version are completed by a role that may create tables, and refused for another role', async () => {
    const { name, execute, ownerUrl, roleUrl } = await createSchemaWithRole();
    await migratePostgresStore({ url: ownerUrl });
    await execute(`DROP TABLE ${name}.blocked_user; DROP INDEX ${name}.decision_at`);
    const store = open(roleUrl);
    await expect(store.findVendorUser(alice)).rejects.toMatchObject({ reason: 'MIGRATION_REQUIRED' });
    await migratePostgresStore({ url: ownerUrl });
    expect(await store.findVendorUser(alice)).toBeUndefined();
    const index = await execute(`SELECT to_regclass('${name}.decision_at') IS NOT NULL AS exists`);
    expect(index).toEqual([{ exists: true }]);
  });

  test('columns that a later version added are added by the owner of the tables, and missing for another role', async () => {
    const { name, execute, ownerUrl, roleUrl } = await createSchemaWithRole();
    await migratePostgresStore({ url: ownerUrl });
    await execute(`ALTER TABLE ${name}.blocked_user DROP COLUMN reason, DROP COLUMN actor, DROP COLUMN at`);
    await execute(`ALTER TABLE ${name}.decision DROP COLUMN actor`);
    const store = open(roleUrl);
    await expect(store.isBlocked(alice)).rejects.toMatchObject({
      reason: 'MIGRATION_REQUIRED',
      advice: expect.stringContaining('columns are missing'),
    });
    await migratePostgresStore({ url: ownerUrl });
    await store.blockUser(alice, { reason: 'left' });
    expect(await store.listBlocks({ limit: 1 })).toMatchObject([{ subject: 'alice', reason: 'left' }]);
  });

  test('a missing privilege on one table is reported with its SQLSTATE and advice, and other operations work', async () => {
    const { name, role, execute, ownerUrl, roleUrl } = await createSchemaWithRole();
    await migratePostgresStore({ url: ownerUrl });
    await execute(`REVOKE ALL ON ${name}.blocked_user FROM ${role}`);
    const store = open(roleUrl);
    await expect(store.isBlocked(alice)).rejects.toMatchObject({
      reason: '42501',
      advice: expect.stringContaining('Grant the role'),
    });
    expect(await store.findVendorUser(alice)).toBeUndefined();
  });

  test('the PostgreSQL store replaces every connection after one of them turned out to be read-only', async () => {
    const { role, execute, ownerUrl, roleUrl } = await createSchemaWithRole();
    await migratePostgresStore({ url: ownerUrl });
    await execute(`ALTER ROLE ${role} SET default_transaction_read_only = on`);
    const store = open(roleUrl, 4);
    await Promise.all(Array.from({ length: 8 }, () => store.findVendorUser(alice)));
    await execute(`ALTER ROLE ${role} RESET default_transaction_read_only`);
    await expect(store.check()).rejects.toMatchObject({
      reason: '25006',
      advice: expect.stringContaining('primary'),
    });
    const later = await Promise.allSettled(Array.from({ length: 8 }, () => store.check()));
    expect(new Set(later.map(({ status }) => status))).toEqual(new Set(['fulfilled']));
  });

  const withOptions = (url: string, options: string) => {
    const changed = new URL(url);
    changed.searchParams.set('options', `${changed.searchParams.get('options')} ${options}`);
    return changed.href;
  };

  test('a role whose transactions are read-only writes if the URL sets `default_transaction_read_only=off`', async () => {
    const { role, execute, ownerUrl, roleUrl } = await createSchemaWithRole();
    await migratePostgresStore({ url: ownerUrl });
    await execute(`ALTER ROLE ${role} SET default_transaction_read_only = on`);
    await expect(open(roleUrl).check()).rejects.toMatchObject({ reason: '25006' });
    const store = open(withOptions(roleUrl, '-c default_transaction_read_only=off'));
    await store.check();
    expect(await store.addVendorUser(alice, 'one')).toBe('one');
    const readOnly = open(withOptions(ownerUrl, '-c default_transaction_read_only=on'));
    await expect(readOnly.check()).rejects.toMatchObject({ reason: '25006' });
  });

  test.each([
    ['that does not exist', '-c canary=1'],
    ['with a wrong value', '-c work_mem=canary'],
    ['that only the start of the server sets', '-c max_connections=3'],
    ['that only the start of a session sets', '-c log_connections=on'],
    ['that the role may not set', '-c log_statement=none'],
    ['with a wrong value for the transaction', '-c default_transaction_isolation=canary'],
  ])('the PostgreSQL store reports a parameter in the URL %s as a refused parameter', async (_, options) => {
    const { ownerUrl, roleUrl } = await createSchemaWithRole();
    await migratePostgresStore({ url: ownerUrl });
    const refusal = await open(withOptions(roleUrl, options))
      .check()
      .catch((error: unknown) => error);
    expect(refusal).toMatchObject({ reason: 'SETTING_REFUSED', advice: expect.stringContaining('`options`') });
    expect(JSON.stringify(refusal)).not.toContain('canary');
  });

  test('the PostgreSQL store reports a database without connections, and a role without CONNECT or with too many connections', async () => {
    const { name, role, execute, roleUrl } = await createSchemaWithRole();
    await execute(`CREATE DATABASE ${name}_other ALLOW_CONNECTIONS false`);
    onTestFinished(async () => {
      await execute(`DROP DATABASE ${name}_other`);
    });
    const url = new URL(roleUrl);
    url.pathname = `/${name}_other`;
    const reasonAt = async (at: string) =>
      open(at)
        .check()
        .catch(({ reason }: { reason: string }) => reason);
    expect(await reasonAt(url.href)).toBe('55000');
    await execute(`ALTER DATABASE ${name}_other ALLOW_CONNECTIONS true`);
    await execute(`REVOKE CONNECT ON DATABASE ${name}_other FROM public`);
    expect(await reasonAt(url.href)).toBe('42501');
    await execute(`ALTER ROLE ${role} CONNECTION LIMIT 0`);
    expect(await reasonAt(roleUrl)).toBe('53300');
    await execute(`ALTER ROLE ${role} NOLOGIN`);
    expect(await reasonAt(roleUrl)).toBe('28000');
  });

  test('a blocked user is not admitted while a row-level security policy hides the blocked users', async () => {
    const { name, execute, ownerUrl, roleUrl } = await createSchemaWithRole();
    await migratePostgresStore({ url: ownerUrl });
    const store = open(roleUrl);
    await store.blockUser(alice);
    await execute(`ALTER TABLE ${name}.blocked_user ENABLE ROW LEVEL SECURITY`);
    await expect(store.isBlocked(alice)).rejects.toMatchObject({
      reason: '42501',
      advice: expect.stringContaining('row-level security'),
    });
    await execute(`ALTER TABLE ${name}.blocked_user DISABLE ROW LEVEL SECURITY`);
    expect(await store.isBlocked(alice)).toBe(true);
  });

  test.each(['serializable', 'repeatable read'])(
    'no call fails because of calls at the same time if the isolation of the role is %s',
    async (isolation) => {
      const { role, execute, ownerUrl, roleUrl } = await createSchemaWithRole();
      await migratePostgresStore({ url: ownerUrl });
      await execute(`ALTER ROLE ${role} SET default_transaction_isolation = '${isolation}'`);
      const store = open(roleUrl, 8);
      const calls = Array.from({ length: 200 }, () => [
        store.blockUser(alice),
        store.unblockUser(alice),
        store.check(),
      ]);
      const results = await Promise.allSettled(calls.flat());
      expect(new Set(results.map(({ status }) => status))).toEqual(new Set(['fulfilled']));
    },
  );

  test('the PostgreSQL store reports a missing database by its SQLSTATE and with advice', async () => {
    const { roleUrl } = await createSchemaWithRole();
    const url = new URL(roleUrl);
    url.pathname = '/valetkey_missing';
    await expect(open(url.href).check()).rejects.toMatchObject({
      reason: '3D000',
      advice: expect.stringContaining('The database does not exist.'),
    });
  });
});
