import { createSandbox } from '@valetkey/sandbox';
import { expect, test } from 'vitest';
import {
  adminToken,
  createConfigFor,
  startRecordingBroker,
  type RecordingBroker,
} from '../support/recording-broker.ts';

const putMapping = async ({ callAdmin }: RecordingBroker, body: object) => {
  const { status } = await callAdmin('/v1/vendor-users', {
    method: 'PUT',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  return status;
};

test('the admin API stores a vendor user for a connection that reads mappings, and refuses one for every other connection', async () => {
  await using sandbox = await createSandbox();
  const config = createConfigFor(sandbox);
  const nabla = { ...config.vendors.nabla, user: { mapping: true as const } };
  await using broker = await startRecordingBroker({ ...config, vendors: { ...config.vendors, nabla } });
  const principal = { issuer: sandbox.urls.idp, subject: 'alice' };
  const map = (connection: string, issuer = principal.issuer) =>
    putMapping(broker, { ...principal, issuer, vendor: connection, vendor_user_id: 'patient-7' });

  const alice = await sandbox.mintUserToken({ sub: 'alice' });
  expect(await (await broker.issue('nabla', alice)).json()).toMatchObject({ code: 'vendor_user_not_found' });
  expect(await map('nabla', `${principal.issuer}/`)).toBe(400);
  expect(await map('nabla')).toBe(204);
  expect(await (await broker.issue('nabla', alice)).json()).toMatchObject({ vendor_user_id: 'patient-7' });
  expect([await map('nudge'), await map('nymbl'), await map('authgear'), await map('nowhere')]).toEqual([
    400, 400, 400, 404,
  ]);
  // The broker logs the change that it made, and no change that it refused.
  const changes = broker.logLines().flatMap((line) => (JSON.parse(line) as { change?: object }).change ?? []);
  expect(changes).toEqual([
    { method: 'PUT', path: '/v1/vendor-users', ...principal, vendor: 'nabla', vendor_user_id: 'patient-7' },
  ]);
  expect(broker.logLines().join()).not.toContain(adminToken);
});

test('refuses a mapping for a connection whose vendor users a claim names', async () => {
  await using sandbox = await createSandbox();
  await using broker = await startRecordingBroker(createConfigFor(sandbox));
  const mapping = { issuer: sandbox.urls.idp, subject: 'alice', vendor: 'nabla', vendor_user_id: 'p' };
  expect(await putMapping(broker, mapping)).toBe(400);
});
