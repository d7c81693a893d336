import { Client } from 'pg';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { createPostgresSchema, isPostgresAvailable } from '../../test/support/postgres-server.ts';
import { createPostgresStore } from './postgres-store.ts';

const alice = { connection: 'vital', vendor: 'vital', issuer: 'https://id.example.com', subject: 'alice' };

/**
 * Opens two stores over one schema. Each statement of the first that reads or writes a mark stops once it has begun, until
 * `proceed` is called.
 */
async function createHarness() {
  const schema = await createPostgresSchema();
  const { name, url, execute } = schema;
  const open = (application: string) =>
    createPostgresStore({
      url: `${url}&application_name=${name}_${application}`,
      maxConnections: 1,
      timeoutMs: 60_000,
    });
  const [broker, operator] = [open('broker'), open('operator')];
  const gate = new Client({ connectionString: url });
  await gate.connect();
  onTestFinished(async () => {
    await gate.end();
    await Promise.all([broker.close(), operator.close()]);
    await schema.drop();
  });
  await broker.check();
  await operator.check();

  return {
    broker,
    operator,
    stopAtMarks: async () => {
      await gate.query('SELECT pg_advisory_lock(hashtext($1))', [name]);
      await execute(`CREATE FUNCTION ${name}.pass() RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN
        IF current_setting('application_name') = '${name}_broker' THEN
          PERFORM pg_advisory_xact_lock_shared(hashtext('${name}'));
        END IF;
        RETURN true;
      END $$`);
      await execute(`ALTER TABLE ${name}.created_vendor_user RENAME TO mark`);
      await execute(`CREATE VIEW ${name}.created_vendor_user AS SELECT * FROM ${name}.mark WHERE ${name}.pass()`);
      await execute(`CREATE FUNCTION ${name}.stop() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        PERFORM ${name}.pass();
        RETURN NEW;
      END $$`);
      await execute(`CREATE TRIGGER stop BEFORE INSERT ON ${name}.mark FOR EACH ROW EXECUTE FUNCTION ${name}.stop()`);
    },
    proceed: () => gate.query('SELECT pg_advisory_unlock_all()'),
    /** Resolves once an application has stopped at a mark, or waits for another lock. */
    waitUntilStopped: (application: string) =>
      vi.waitFor(
        async () => {
          const waiting = `SELECT 1 FROM pg_stat_activity
            WHERE application_name = '${name}_${application}' AND wait_event_type = 'Lock'`;
          expect(await execute(waiting)).toHaveLength(1);
        },
        { timeout: 60_000, interval: 10 },
      ),
  };
}

describe.skipIf(!(await isPostgresAvailable()))('marks of created vendor users', { timeout: 120_000 }, () => {
  test('an operator who stores the vendor user that a broker creates at the same moment has chosen it', async () => {
    const { broker, operator, stopAtMarks, waitUntilStopped, proceed } = await createHarness();
    await stopAtMarks();
    const adding = broker.addVendorUser(alice, 'one');
    await waitUntilStopped('broker');
    const setting = operator.setVendorUser(alice, 'one');
    await Promise.race([setting, waitUntilStopped('operator')]);
    await proceed();
    expect(await adding).toBe('one');
    await setting;
    expect(await operator.forgetVendorUser(alice, 'one')).toBe(false);
  });

  test('a vendor user that an operator stores while a broker forgets it stays stored', async () => {
    const { broker, operator, stopAtMarks, waitUntilStopped, proceed } = await createHarness();
    await broker.addVendorUser(alice, 'one');
    await stopAtMarks();
    const forgetting = broker.forgetVendorUser(alice, 'one');
    await waitUntilStopped('broker');
    const setting = operator.setVendorUser(alice, 'one');
    await Promise.race([setting, waitUntilStopped('operator')]);
    await proceed();
    await Promise.all([forgetting, setting]);
    expect(await operator.findVendorUser(alice)).toBe('one');
    expect(await operator.forgetVendorUser(alice, 'one')).toBe(false);
  });
});
