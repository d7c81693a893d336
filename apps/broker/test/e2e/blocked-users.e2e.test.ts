import { createSandbox } from '@valetkey/sandbox';
import { expect, test } from 'vitest';
import { configureFor, startWatchedBroker, watchedAdminToken } from '../support/watched-broker.ts';

test('a blocked user is shut out of everything at once, and let in again', async () => {
  await using sandbox = await createSandbox();
  await using broker = await startWatchedBroker(configureFor(sandbox));
  const [alice, bob] = [await sandbox.mintUserToken({ sub: 'alice' }), await sandbox.mintUserToken({ sub: 'bob' })];
  const person = { issuer: sandbox.urls.idp, subject: 'alice' };
  const admin = (method: string, body?: object, query = '') =>
    fetch(`${broker.adminUrl}/v1/blocked-users${query}`, {
      method,
      headers: { authorization: `Bearer ${watchedAdminToken}`, 'content-type': 'application/json' },
      ...(body && { body: JSON.stringify(body) }),
    });
  const exchange = {
    method: 'POST',
    body: new URLSearchParams({
      grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
      subject_token: alice,
      subject_token_type: 'urn:ietf:params:oauth:token-type:access_token',
      audience: 'nudge',
    }),
  };
  const tryAll = async () => {
    const answers = await Promise.all([
      broker.issue('nudge', alice),
      broker.call('/v1/vendors/nymbl/proxy/Patients', alice),
      broker.call('/v1/session', alice),
      broker.call('/v1/authorize', alice),
      broker.call('/oauth2/token', undefined, exchange),
    ]);
    return answers.map(({ status }) => status);
  };
  const stateOf = async (token: string) =>
    (await broker.call('/v1/resolve', token)).headers.get('x-valetkey-session-valid');

  expect(await tryAll()).toEqual([200, 200, 200, 204, 200]);
  expect((await admin('PUT', person)).status).toBe(204);
  sandbox.resetCalls();
  expect(await tryAll()).toEqual([403, 403, 403, 403, 400]);
  expect(await (await broker.issue('nudge', alice)).json()).toMatchObject({ code: 'user_blocked' });
  expect([await stateOf(alice), await stateOf(bob)]).toEqual(['false', 'true']);
  expect((await broker.issue('nudge', bob)).status).toBe(200);
  expect(sandbox.calls()['nudge']).toEqual({ 'GET /api/clients/jwt/token': 1 });
  const query = `?${new URLSearchParams(person)}`;
  expect(await (await admin('GET', undefined, query)).json()).toEqual({ blocked: true });

  expect((await admin('DELETE', person)).status).toBe(204);
  expect((await admin('DELETE', person)).status).toBe(404);
  expect(await tryAll()).toEqual([200, 200, 200, 204, 200]);
  expect((await admin('PUT', { subject: 'alice' })).status).toBe(400);
  const misspelt = await admin('PUT', { ...person, issuer: `${person.issuer}/` });
  expect(misspelt.status).toBe(400);
  expect(((await misspelt.json()) as { remediation: string }).remediation).toContain(person.issuer);
});
