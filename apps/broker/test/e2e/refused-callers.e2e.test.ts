import { createSandbox, type Sandbox } from '@valetkey/sandbox';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createConfigFor, startRecordingBroker, type RecordingBroker } from '../support/recording-broker.ts';

const clientAddress = '192.0.2.9';

let sandbox: Sandbox;
beforeAll(async () => {
  sandbox = await createSandbox();
});
afterAll(() => sandbox.close());

const startBroker = (trustedProxies: string[]) => {
  const config = createConfigFor(sandbox);
  return startRecordingBroker({
    ...config,
    listen: { ...config.listen, trustedProxies },
    audit: { key: 'canary-of-the-key-of-the-audit-0123456789' },
  });
};

async function readDecisions({ callAdmin }: RecordingBroker): Promise<Record<string, unknown>[]> {
  const response = await callAdmin('/v1/decisions?limit=1000');
  const { decisions } = (await response.json()) as { decisions: Record<string, unknown>[] };
  return decisions.toReversed();
}

test('the refusal of a blocked user is a decision on every route, with the address that a trusted proxy states', async () => {
  await using broker = await startBroker(['127.0.0.0/8']);
  const token = await sandbox.mintUserToken({ sub: 'alice' });
  const body = JSON.stringify({ issuer: sandbox.urls.idp, subject: 'alice' });
  await broker.callAdmin('/v1/blocked-users', { method: 'PUT', headers: { 'content-type': 'application/json' }, body });
  const headers = { 'x-forwarded-for': `198.51.100.1, ${clientAddress}` };
  const call = async (path: string, init: RequestInit = {}) => {
    const response = await broker.call(path, token, { ...init, headers: { ...headers, ...init.headers } });
    return response.status;
  };
  const exchange = new URLSearchParams({
    grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
    subject_token: token,
    subject_token_type: 'urn:ietf:params:oauth:token-type:jwt',
    audience: 'nudge',
  });
  const statuses = [
    await call('/v1/vendors/nudge/token', { method: 'POST' }),
    await call('/v1/vendors/unknown/token', { method: 'POST' }),
    await call('/v1/vendors/nymbl/proxy/Patients'),
    await call('/v1/session'),
    await call('/v1/authorize'),
    await call('/v1/resolve'),
    (await fetch(`${broker.brokerUrl}/oauth2/token`, { method: 'POST', headers, body: exchange })).status,
  ];
  expect(statuses).toEqual([403, 403, 403, 403, 403, 200, 400]);
  // The count of repeated refusals is stored within a second.
  await expect
    .poll(async () => (await readDecisions(broker)).some(({ times }) => times !== undefined), { timeout: 10_000 })
    .toBe(true);
  const [blocked, ...refused] = await readDecisions(broker);
  expect(blocked).toMatchObject({ operation: 'block', actor: 'admin' });
  expect(refused.map(({ operation, connection, times }) => [operation, connection, times])).toEqual([
    // The token exchange asks for the same as the first request.
    ['issue', 'nudge', 2],
    ['issue', undefined, undefined],
    ['proxy', 'nymbl', undefined],
    ['session', undefined, undefined],
    ['authorize', undefined, undefined],
    ['resolve', undefined, undefined],
  ]);
  const fingerprints = new Set(refused.map(({ token_fingerprint: fingerprint }) => fingerprint));
  expect(fingerprints.size).toBe(1);
  for (const decision of refused) {
    expect(decision).toMatchObject({
      subject: 'alice',
      outcome: 'user_blocked',
      client_address: clientAddress,
      token_fingerprint: expect.stringMatching(/^[\w-]{22}$/),
    });
  }
});

test('an allowed decision has the address of the connection if the broker trusts no proxy, whatever a client states', async () => {
  await using broker = await startBroker([]);
  const token = await sandbox.mintUserToken({ sub: 'alice' });
  const headers = { 'x-forwarded-for': clientAddress, 'x-real-ip': clientAddress, forwarded: `for=${clientAddress}` };
  expect((await broker.issue('nudge', token, { headers })).status).toBe(200);
  expect(await readDecisions(broker)).toMatchObject([
    { outcome: 'allowed', client_address: '127.0.0.1', policy_version: expect.stringMatching(/^[\w-]{12}$/) },
  ]);
});

test('an address that a trusted proxy states in another form is not recorded as one', async () => {
  await using broker = await startBroker(['127.0.0.1']);
  const token = await sandbox.mintUserToken({ sub: 'alice' });
  for (const stated of ['<script>', '192.0.2.9:4711', '', 'unknown']) {
    await broker.issue('nudge', token, { headers: { 'x-forwarded-for': stated } });
  }
  const addresses = (await readDecisions(broker)).map(({ client_address: address }) => address);
  expect(new Set(addresses)).toEqual(new Set(['127.0.0.1']));
});

test('a token without the scope that a proxy asks for is a refused decision that names the scope', async () => {
  await using broker = await startBroker([]);
  const token = await sandbox.mintUserToken({ sub: 'alice' });
  expect((await broker.call('/v1/authorize?scope=rooms', token)).status).toBe(403);
  expect(await readDecisions(broker)).toMatchObject([
    { operation: 'authorize', outcome: 'forbidden', reason: 'scope: rooms', subject: 'alice' },
  ]);
});
