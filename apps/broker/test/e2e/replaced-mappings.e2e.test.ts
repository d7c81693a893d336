import { createSandbox, type Sandbox } from '@valetkey/sandbox';
import { expect, test } from 'vitest';
import { createConfigFor, startRecordingBroker, type RecordingBroker } from '../support/recording-broker.ts';

const signInRoute = 'POST /v2/user/{user_id}/sign_in_token';
/** What a web framework says about a path that it does not have. It says nothing about a user. */
const notFound = { type: 'status', status: 404, body: { detail: 'Not Found' } } as const;

const changeMapping = ({ callAdmin }: RecordingBroker, method: 'PUT' | 'DELETE', body: object) =>
  callAdmin('/v1/vendor-users', {
    method,
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });

async function readDecisions({ callAdmin }: RecordingBroker): Promise<string[]> {
  const { decisions } = (await (await callAdmin('/v1/decisions')).json()) as { decisions: Record<string, string>[] };
  return decisions
    .toReversed()
    .map(({ operation, connection, subject, vendor_user_id: user, outcome }) =>
      [operation, connection, subject, user ?? '-', outcome].join(' '),
    );
}

async function issueAs(sandbox: Sandbox, broker: RecordingBroker, subject = 'alice') {
  const response = await broker.issue('vital', await sandbox.mintUserToken({ sub: subject }));
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}

test('keeps the user that an operator mapped when Vital says 404 to the sign-in token once, and creates no other user', async () => {
  await using sandbox = await createSandbox();
  await using broker = await startRecordingBroker(createConfigFor(sandbox));
  const { userId } = sandbox.vital.createUser('legacy-1');
  const mapping = { issuer: sandbox.urls.idp, subject: 'alice', connection: 'vital', vendor_user_id: userId };
  expect((await changeMapping(broker, 'PUT', mapping)).status).toBe(204);

  sandbox.setFaults([{ vendor: 'vital', route: signInRoute, fault: notFound, count: 1 }]);
  expect(await issueAs(sandbox, broker)).toMatchObject({ status: 503, body: { code: 'vendor_unavailable' } });
  expect(await issueAs(sandbox, broker)).toMatchObject({ status: 200, body: { vendor_user_id: userId } });
  expect(sandbox.vital.users()).toHaveLength(1);
  expect(await readDecisions(broker)).toEqual([
    `map vital alice ${userId} allowed`,
    `issue vital alice ${userId} vendor_unavailable`,
    `issue vital alice ${userId} allowed`,
  ]);
});

test('never replaces the user that an operator mapped, also if Vital does not have it, until the operator removes the mapping', async () => {
  await using sandbox = await createSandbox();
  await using broker = await startRecordingBroker(createConfigFor(sandbox));
  const { userId } = sandbox.vital.createUser('legacy-1');
  const mapping = { issuer: sandbox.urls.idp, subject: 'alice', connection: 'vital', vendor_user_id: userId };
  await changeMapping(broker, 'PUT', mapping);
  sandbox.vital.deleteUser(userId);

  for (let count = 0; count < 2; count += 1) {
    expect(await issueAs(sandbox, broker)).toMatchObject({ status: 404, body: { code: 'vendor_user_not_found' } });
  }
  expect(sandbox.vital.users()).toEqual([]);
  const { log } = await broker.readRecords();
  expect(log).toContain('mapped_user_missing');
  expect(log).toContain('DELETE /v1/vendor-users');

  // A UUID is the same in either case.
  const removal = await changeMapping(broker, 'DELETE', { ...mapping, vendor_user_id: userId.toUpperCase() });
  expect(removal.status).toBe(204);
  const { status, body } = await issueAs(sandbox, broker);
  expect([status, body['vendor_user_id'] === userId]).toEqual([200, false]);
  const created = String(body['vendor_user_id']);
  expect((await readDecisions(broker)).slice(-3)).toEqual([
    `unmap vital alice ${userId} allowed`,
    `map vital alice ${created} allowed`,
    `issue vital alice ${created} allowed`,
  ]);
});

test('keeps a user that the broker created when Vital says 404 although it has the user', async () => {
  await using sandbox = await createSandbox();
  await using broker = await startRecordingBroker(createConfigFor(sandbox));
  const { body: before } = await issueAs(sandbox, broker);
  sandbox.setFaults([{ vendor: 'vital', route: signInRoute, fault: notFound, count: 1 }]);
  expect((await issueAs(sandbox, broker)).status).toBe(503);
  const { body: after } = await issueAs(sandbox, broker);
  expect(after['vendor_user_id']).toBe(before['vendor_user_id']);
});

test('logs and records that a user which was deleted at Vital is replaced by a new one', async () => {
  await using sandbox = await createSandbox();
  await using broker = await startRecordingBroker(createConfigFor(sandbox));
  const before = String((await issueAs(sandbox, broker)).body['vendor_user_id']);
  sandbox.vital.deleteUser(before);
  const after = String((await issueAs(sandbox, broker)).body['vendor_user_id']);
  expect(after).not.toBe(before);
  expect(await readDecisions(broker)).toEqual([
    `map vital alice ${before} allowed`,
    `issue vital alice ${before} allowed`,
    `unmap vital alice ${before} allowed`,
    `map vital alice ${after} allowed`,
    `issue vital alice ${after} allowed`,
  ]);
  const logged = broker.logLines().filter((line) => line.includes('"operation":"unmap"'));
  expect(logged).toHaveLength(1);
});
