import { createSandbox } from '@valetkey/sandbox';
import { expect, test } from 'vitest';
import { configureFor, startWatchedBroker, watchedAdminToken } from '../support/watched-broker.ts';

test('an operator maps a person where the vendor reads it, and is told where it does not', async () => {
  await using sandbox = await createSandbox();
  const config = configureFor(sandbox);
  const nabla = { ...config.vendors.nabla, user: { mapping: true as const } };
  await using broker = await startWatchedBroker({ ...config, vendors: { ...config.vendors, nabla } });
  const person = { issuer: sandbox.urls.idp, subject: 'alice' };
  const map = async (vendor: string, of: object = person) => {
    const answer = await fetch(`${broker.adminUrl}/v1/vendor-users`, {
      method: 'PUT',
      headers: { authorization: `Bearer ${watchedAdminToken}`, 'content-type': 'application/json' },
      body: JSON.stringify({ ...of, vendor, vendor_user_id: 'patient-7' }),
    });
    return answer.status;
  };

  const alice = await sandbox.mintUserToken({ sub: 'alice' });
  expect(await (await broker.issue('nabla', alice)).json()).toMatchObject({ code: 'vendor_user_not_found' });
  expect(await map('nabla', { ...person, issuer: `${person.issuer}/` })).toBe(400);
  expect(await map('nabla')).toBe(204);
  expect(await (await broker.issue('nabla', alice)).json()).toMatchObject({ vendor_user_id: 'patient-7' });
  expect([await map('nudge'), await map('nymbl'), await map('authgear'), await map('nowhere')]).toEqual([
    400, 400, 400, 404,
  ]);
  // The change that was made, and none that was refused.
  const changes = broker.logLines().flatMap((line) => (JSON.parse(line) as { change?: object }).change ?? []);
  expect(changes).toEqual([
    { method: 'PUT', path: '/v1/vendor-users', ...person, vendor: 'nabla', vendor_user_id: 'patient-7' },
  ]);
  expect(broker.logLines().join()).not.toContain(watchedAdminToken);
});

test('a mapping for a vendor whose users a claim names would never be read', async () => {
  await using sandbox = await createSandbox();
  await using broker = await startWatchedBroker(configureFor(sandbox));
  const answer = await fetch(`${broker.adminUrl}/v1/vendor-users`, {
    method: 'PUT',
    headers: { authorization: `Bearer ${watchedAdminToken}`, 'content-type': 'application/json' },
    body: JSON.stringify({ issuer: sandbox.urls.idp, subject: 'alice', vendor: 'nabla', vendor_user_id: 'p' }),
  });
  expect(answer.status).toBe(400);
});
