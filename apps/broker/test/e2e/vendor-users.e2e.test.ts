import { expect, test } from 'vitest';
import { createSqliteStore } from '../../src/storage/sqlite-store.ts';
import { startVitalBroker } from '../support/vital-broker.ts';
import { externalIdOf } from '../../src/vendors/external-id.ts';

const create = { vendor: 'vital', route: 'POST /v2/user' } as const;

test.each(['reset', 'hang'] as const)('a creation whose answer is lost (%s) ends in one user', async (type) => {
  await using broker = await startVitalBroker(createSqliteStore(':memory:'));
  broker.sandbox.setFaults([{ ...create, fault: { type, when: 'after' } }]);
  expect((await broker.issue('vital')).status).toBeGreaterThanOrEqual(503);
  const [made, ...more] = broker.sandbox.vital.users();
  expect(more).toEqual([]);

  broker.sandbox.setFaults([]);
  await expect.poll(async () => (await broker.issue('vital')).body['user_id'], { timeout: 10_000 }).toBe(made?.userId);
  expect(broker.sandbox.vital.users()).toHaveLength(1);
});

test('a user that was deleted at the vendor is made again, and the new one is kept', async () => {
  const store = createSqliteStore(':memory:');
  await using broker = await startVitalBroker(store);
  const { body: before } = await broker.issue('vital');
  broker.sandbox.vital.deleteUser(String(before['user_id']));

  const answers = await Promise.all(Array.from({ length: 20 }, () => broker.issue('vital')));
  const [user, ...more] = broker.sandbox.vital.users();
  expect(more).toEqual([]);
  expect(user?.userId).not.toBe(before['user_id']);
  expect(new Set(answers.map(({ status, body }) => `${status} ${body['user_id']}`))).toEqual(
    new Set([`200 ${user?.userId}`]),
  );
  expect(await store.listVendorUsers({ issuer: broker.issuer, subject: 'alice' })).toEqual(
    new Map([['vital', user?.userId]]),
  );
});

test('a store that is empty again finds the users that the vendor has', async () => {
  await using broker = await startVitalBroker(createSqliteStore(':memory:'));
  const name = externalIdOf({ issuer: broker.issuer, subject: 'alice' });
  const { userId } = broker.sandbox.vital.createUser(name);
  expect((await broker.issue('vital')).body['user_id']).toBe(userId);
  expect(broker.sandbox.vital.users()).toHaveLength(1);
});
