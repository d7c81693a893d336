import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createPostgresSchema, isPostgresAvailable } from '../support/postgres-server.ts';
import { startValetkey } from '../support/valetkey-process.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'valetkey-'));
});
afterAll(() => rm(folder, { recursive: true }));

async function writeConfig(store: string): Promise<void> {
  const text = `
listen: { port: 0 }
admin: { port: 0 }
store: ${store}
issuers: [{ issuer: 'http://127.0.0.1:9', audiences: [api] }]
vendors: { nudge: { apiKey: some-api-key } }
`;
  await writeFile(join(folder, 'valetkey.config.yaml'), text);
}

async function run(command: string, environment: Record<string, string> = {}, options: readonly string[] = []) {
  const words = [command, '--config', 'valetkey.config.yaml', ...options];
  await using child = startValetkey(words, folder, environment);
  return { exitCode: await child.exitCode, text: child.output() };
}

const complete = 'The store has every table (schema version 7).\n';

/** Expects that `--dry-run` prints what is missing, and that `migrate` then creates exactly this. */
async function expectMigration(environment: Record<string, string> = {}): Promise<void> {
  const planned = await run('migrate', environment, ['--dry-run']);
  expect(planned.exitCode).toBe(1);
  expect(planned.text).toMatch(/^would create table vendor_user$/m);
  expect(planned.text).toMatch(/^would create index decision_at$/m);
  expect(planned.text).toMatch(/The store has the schema version 0; `valetkey migrate` makes it 7\.\n$/);
  const [parts = ''] = planned.text.split('The store');
  const migrated = await run('migrate', environment);
  expect(migrated).toEqual({ exitCode: 0, text: parts.replaceAll('would create', 'created') + complete });
  const nothing = 'Nothing is missing (schema version 7).\n';
  expect(await run('migrate', environment, ['--dry-run'])).toEqual({ exitCode: 0, text: nothing });
}

describe.skipIf(!(await isPostgresAvailable()))('valetkey migrate over PostgreSQL', () => {
  test('`valetkey migrate` creates the tables as their owner, and the broker then runs as a role that may create none', async () => {
    await using schema = await createPostgresSchema();
    const role = `valetkey_test_${randomBytes(6).toString('hex')}`;
    const canary = `canary-${randomBytes(6).toString('hex')}`;
    await schema.execute(`CREATE ROLE ${role} LOGIN PASSWORD '${canary}'`);
    await schema.execute(`GRANT USAGE ON SCHEMA ${schema.name} TO ${role}`);
    const roleUrl = new URL(schema.url);
    roleUrl.username = role;
    roleUrl.password = canary;
    const asRole = { DATABASE_URL: roleUrl.href };
    try {
      await writeConfig("{ postgres: '${env:DATABASE_URL}' }");
      const refused = await run('migrate', asRole);
      expect(refused).toMatchObject({ exitCode: 1, text: expect.stringContaining('MIGRATION_REQUIRED') });
      expect(refused.text).toMatch(/Run `valetkey migrate` with a role that\s+may\s+create\s+tables/);
      expect(refused.text).not.toMatch(/canary|\bat .*:\d+:\d+/);

      for (const _ of ['first', 'second']) {
        const migrated = await run('migrate', { DATABASE_URL: schema.url });
        expect(migrated).toEqual({ exitCode: 0, text: expect.stringContaining(complete) as string });
      }
      await schema.execute(`GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA ${schema.name} TO ${role}`);
      expect((await run('migrate', asRole)).exitCode).toBe(0);

      await using broker = startValetkey(['start', '--config', 'valetkey.config.yaml'], folder, asRole);
      const [, url = ''] = await broker.waitForOutput(/listens on ([^\s,]+)/);
      expect((await fetch(`${url}/readyz`)).status).toBe(200);
    } finally {
      await schema.execute(`DROP OWNED BY ${role}; DROP ROLE ${role}`);
    }
  });

  test('`valetkey migrate` creates in PostgreSQL what `--dry-run` lists', async () => {
    await using schema = await createPostgresSchema();
    await writeConfig("{ postgres: '${env:DATABASE_URL}' }");
    await expectMigration({ DATABASE_URL: schema.url });
  });
});

test('`valetkey migrate` creates a SQLite file with the tables that `--dry-run` lists, and changes nothing the second time', async () => {
  await writeConfig('{ sqlite: data/valetkey.sqlite }');
  await expectMigration();
  expect(await run('migrate')).toEqual({ exitCode: 0, text: complete });
  const doctor = await run('doctor');
  expect(doctor.text).toContain('store: ok; schema version 7\n');
});
