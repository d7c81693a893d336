import { createSandbox, type Sandbox } from '@valetkey/sandbox';
import { expect, test } from 'vitest';
import { createSqliteStore } from '../../src/storage/sqlite-store.ts';
import type { Store } from '../../src/storage/store.ts';
import { createConfigFor, startRecordingBroker, type RecordingBroker } from '../support/recording-broker.ts';

const principalOf = ({ urls }: Sandbox) => ({ issuer: urls.idp, subject: 'alice' });

const callBlockList = ({ callAdmin }: RecordingBroker, method: 'PUT' | 'DELETE', body: object) =>
  callAdmin('/v1/blocked-users', {
    method,
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });

test('refuses a blocked user on every route without calling a vendor, until the user is unblocked', async () => {
  await using sandbox = await createSandbox();
  await using broker = await startRecordingBroker(createConfigFor(sandbox));
  const [alice, bob] = [await sandbox.mintUserToken({ sub: 'alice' }), await sandbox.mintUserToken({ sub: 'bob' })];
  const principal = principalOf(sandbox);
  const exchange = {
    method: 'POST',
    body: new URLSearchParams({
      grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
      subject_token: alice,
      subject_token_type: 'urn:ietf:params:oauth:token-type:access_token',
      audience: 'nudge',
    }),
  };
  const callEveryRoute = async () => {
    const responses = await Promise.all([
      broker.issue('nudge', alice),
      broker.call('/v1/vendors/nymbl/proxy/Patients', alice),
      broker.call('/v1/session', alice),
      broker.call('/v1/authorize', alice),
      broker.call('/oauth2/token', undefined, exchange),
    ]);
    return responses.map(({ status }) => status);
  };
  const resolveValidity = async (token: string) =>
    (await broker.call('/v1/resolve', token)).headers.get('x-valetkey-session-valid');

  expect(await callEveryRoute()).toEqual([200, 200, 200, 204, 200]);
  expect((await callBlockList(broker, 'PUT', principal)).status).toBe(204);
  sandbox.resetCalls();
  expect(await callEveryRoute()).toEqual([403, 403, 403, 403, 400]);
  expect(await (await broker.issue('nudge', alice)).json()).toMatchObject({ code: 'user_blocked' });
  expect([await resolveValidity(alice), await resolveValidity(bob)]).toEqual(['false', 'true']);
  expect((await broker.issue('nudge', bob)).status).toBe(200);
  expect(sandbox.calls()['nudge']).toEqual({ 'GET /api/clients/jwt/token': 1 });
  const found = await broker.callAdmin(`/v1/blocked-users?${new URLSearchParams(principal)}`);
  expect(await found.json()).toEqual({ blocked: true });

  expect((await callBlockList(broker, 'DELETE', principal)).status).toBe(204);
  expect((await callBlockList(broker, 'DELETE', principal)).status).toBe(404);
  expect(await callEveryRoute()).toEqual([200, 200, 200, 204, 200]);
});

test('reads from the store only once whether a user is blocked or signed out, and which vendor user it has', async () => {
  await using sandbox = await createSandbox();
  const memory = createSqliteStore(':memory:');
  const calls: string[] = [];
  const store = Object.fromEntries(
    Object.entries(memory).map(([name, run]) => [
      name,
      (...values: unknown[]) => {
        calls.push(name);
        return (run as (...given: unknown[]) => unknown)(...values);
      },
    ]),
  ) as unknown as Store;
  await using broker = await startRecordingBroker(createConfigFor(sandbox), { store });
  const alice = await sandbox.mintUserToken({ sub: 'alice' });
  for (let request = 0; request < 2; request += 1) expect((await broker.issue('vital', alice)).status).toBe(200);
  const isRead = (name: string) =>
    ['isBlocked', 'listRevocations', 'isSessionRevoked', 'findVendorUser'].includes(name);
  expect(calls.filter(isRead)).not.toEqual([]);
  calls.length = 0;
  const responses = await Promise.all(Array.from({ length: 20 }, () => broker.issue('vital', alice)));
  expect(new Set(responses.map(({ status }) => status))).toEqual(new Set([200]));
  expect(calls.filter(isRead)).toEqual([]);
});

test('refuses to block a user whose issuer is absent or not configured, and names the configured issuers', async () => {
  await using sandbox = await createSandbox();
  await using broker = await startRecordingBroker(createConfigFor(sandbox));
  const principal = principalOf(sandbox);
  expect((await callBlockList(broker, 'PUT', { subject: 'alice' })).status).toBe(400);
  const misspelt = await callBlockList(broker, 'PUT', { ...principal, issuer: `${principal.issuer}/` });
  expect(misspelt.status).toBe(400);
  expect(((await misspelt.json()) as { remediation: string }).remediation).toContain(principal.issuer);
});
