import { expect, test } from 'vitest';
import { createSqliteStore } from '../../src/storage/sqlite-store.ts';
import { externalIdOf } from '../../src/vendors/external-id.ts';
import { startInProcessBroker } from '../support/in-process-broker.ts';

const creation = { vendor: 'vital', route: 'POST /v2/user' } as const;

test.each(['reset', 'hang'] as const)(
  'creates no second vendor user after the response to the creation was lost (%s)',
  async (type) => {
    // Short, because the test waits for this deadline when the vendor hangs.
    const timeoutMs = 500;
    await using broker = await startInProcessBroker(createSqliteStore(':memory:'), { timeoutMs });
    broker.sandbox.setFaults([{ ...creation, fault: { type, when: 'after' } }]);
    expect((await broker.issue('vital')).status).toBeGreaterThanOrEqual(503);
    const [created, ...others] = broker.sandbox.vital.users();
    expect(others).toEqual([]);

    broker.sandbox.setFaults([]);
    // On a busy machine, the deadline may be too short for the first response.
    await expect
      .poll(async () => (await broker.issue('vital')).body['user_id'], { timeout: 10_000 })
      .toBe(created?.userId);
    expect(broker.sandbox.vital.users()).toHaveLength(1);
  },
);

test('creates and stores one new vendor user for 20 concurrent requests after the old one was deleted at the vendor', async () => {
  const store = createSqliteStore(':memory:');
  await using broker = await startInProcessBroker(store);
  const { body: before } = await broker.issue('vital');
  broker.sandbox.vital.deleteUser(String(before['user_id']));

  const responses = await Promise.all(Array.from({ length: 20 }, () => broker.issue('vital')));
  const [user, ...others] = broker.sandbox.vital.users();
  expect(others).toEqual([]);
  expect(user?.userId).not.toBe(before['user_id']);
  expect(new Set(responses.map(({ status, body }) => `${status} ${body['user_id']}`))).toEqual(
    new Set([`200 ${user?.userId}`]),
  );
  expect(await store.listVendorUsers({ issuer: broker.issuer, subject: 'alice' })).toEqual([
    { connection: 'vital', vendor: 'vital', vendorUserId: user?.userId },
  ]);
});

test('uses the vendor user that already exists at the vendor when the store is empty', async () => {
  await using broker = await startInProcessBroker(createSqliteStore(':memory:'));
  const externalId = externalIdOf({ issuer: broker.issuer, subject: 'alice' });
  const { userId } = broker.sandbox.vital.createUser(externalId);
  expect((await broker.issue('vital')).body['user_id']).toBe(userId);
  expect(broker.sandbox.vital.users()).toHaveLength(1);
});
