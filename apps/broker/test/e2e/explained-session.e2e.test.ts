import { createSandbox } from '@valetkey/sandbox';
import { expect, test } from 'vitest';
import { createConfigFor, startRecordingBroker } from '../support/recording-broker.ts';

async function startExplaining(explain: boolean) {
  const sandbox = await createSandbox();
  const { vendors, ...config } = createConfigFor(sandbox);
  const nudge = { ...vendors.nudge, requiredScopes: ['admin'], requiredClaims: { tier: 'canary-tier' } };
  const session = explain ? { session: { explain } } : {};
  const broker = await startRecordingBroker({ ...config, ...session, vendors: { ...vendors, nudge } });
  return {
    sandbox,
    broker,
    [Symbol.asyncDispose]: async () => {
      await broker[Symbol.asyncDispose]();
      await sandbox.close();
    },
  };
}

test('`GET /v1/session?explain=` tells a caller why it cannot use a connection, and calls no vendor', async () => {
  await using started = await startExplaining(true);
  const { sandbox, broker } = started;
  const token = await sandbox.mintUserToken({ sub: 'alice' });
  const response = await broker.call('/v1/session?explain=nudge', token);
  expect(response.status).toBe(200);
  const body = (await response.json()) as { explanation: { checks: unknown[] } };
  expect(body.explanation).toEqual({
    connection: 'nudge',
    vendor: 'nudge',
    allowed: false,
    checks: [
      { check: 'requiredScopes', outcome: 'failed', detail: 'The token lacks: admin.' },
      { check: 'requiredClaims', outcome: 'failed', detail: 'The token lacks: tier.' },
      { check: 'blocked', outcome: 'passed', detail: 'Not blocked.' },
      expect.objectContaining({ check: 'issue', outcome: 'not_reached' }),
    ],
    change: expect.stringContaining('vendors.nudge.requiredScopes'),
  });
  expect(JSON.stringify(body)).not.toContain('canary');
  expect(sandbox.calls().nudge ?? {}).toEqual({});
  expect(await (await broker.call('/v1/session', token)).json()).not.toHaveProperty('explanation');
});

test.each(['?explain=nope', '?explain=', '?explain=nudge&explain=vital'])(
  '`GET /v1/session%s` responds 404, because no such connection is configured',
  async (query) => {
    await using started = await startExplaining(true);
    const token = await started.sandbox.mintUserToken({ sub: 'alice' });
    const response = await started.broker.call(`/v1/session${query}`, token);
    expect([response.status, await response.json()]).toMatchObject([404, { code: 'unknown_vendor' }]);
  },
);

test('`GET /v1/session?explain=` responds 403 unless the operator allows it', async () => {
  await using started = await startExplaining(false);
  const token = await started.sandbox.mintUserToken({ sub: 'alice' });
  const response = await started.broker.call('/v1/session?explain=nudge', token);
  expect([response.status, await response.json()]).toMatchObject([
    403,
    { code: 'forbidden', remediation: expect.stringContaining('session.explain') },
  ]);
});

test('a refused token and a blocked user receive no explanation', async () => {
  await using started = await startExplaining(true);
  const { sandbox, broker } = started;
  const wrong = await sandbox.mintUserToken({ sub: 'alice', audience: 'other' });
  const without = (await (await broker.call('/v1/session', wrong)).json()) as Record<string, unknown>;
  const refused = await broker.call('/v1/session?explain=nudge', wrong);
  expect(refused.status).toBe(401);
  expect({ ...((await refused.json()) as object), request_id: '' }).toEqual({ ...without, request_id: '' });
  const principal = JSON.stringify({ issuer: sandbox.urls.idp, subject: 'bob' });
  const headers = { 'content-type': 'application/json' };
  await broker.callAdmin('/v1/blocked-users', { method: 'PUT', headers, body: principal });
  const blocked = await broker.call('/v1/session?explain=nudge', await sandbox.mintUserToken({ sub: 'bob' }));
  expect([blocked.status, await blocked.json()]).toMatchObject([403, { code: 'user_blocked' }]);
});
