import { createSandbox, type Sandbox } from '@valetkey/sandbox';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startRecordedServer, type RecordedServer } from '../support/recorded-server.ts';
import { createConfigFor, startRecordingBroker, type RecordingBroker } from '../support/recording-broker.ts';

const keySecret = 'sample-secret-of-ably-0123456789';

let sandbox: Sandbox;
let ably: RecordedServer;
let broker: RecordingBroker;
let issuer: string;
beforeAll(async () => {
  sandbox = await createSandbox();
  ably = await startRecordedServer([]);
  issuer = sandbox.urls.idp;
  const config = createConfigFor(sandbox);
  const chat = { keyName: 'app.key', keySecret, set: { capability: { '*': ['subscribe'] } } };
  broker = await startRecordingBroker({
    ...config,
    vendors: {
      ...config.vendors,
      chat: { vendor: 'ably', ...chat, baseUrl: ably.url },
      gone: { vendor: 'ably', ...chat, baseUrl: 'http://127.0.0.1:1', timeoutMs: 2_000 },
    },
  });
});
afterAll(async () => {
  await broker.broker.close();
  await ably[Symbol.asyncDispose]();
  await sandbox.close();
});

const block = (subject: string) =>
  broker.callAdmin('/v1/blocked-users', {
    method: 'PUT',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ issuer, subject }),
  });

test('a block withdraws the tokens of the user at each vendor that can, and says which vendor could not', async () => {
  const alice = await sandbox.mintUserToken({ sub: 'alice' });
  const ids = await Promise.all(
    ['chat', 'gone'].map(
      async (name) => ((await (await broker.issue(name, alice)).json()) as { client_id: string }).client_id,
    ),
  );

  const response = await block('alice');
  expect(response.status).toBe(200);
  expect(await response.json()).toEqual({
    revocations: [
      { connection: 'chat', vendor_user_id: ids[0], outcome: 'allowed' },
      { connection: 'gone', vendor_user_id: ids[1], outcome: 'vendor_unavailable' },
    ],
  });
  expect(ably.requests).toMatchObject([
    {
      method: 'POST',
      path: '/keys/app.key/revokeTokens',
      authorization: `Basic ${Buffer.from(`app.key:${keySecret}`).toString('base64')}`,
      body: JSON.stringify({ targets: [`clientId:${ids[0]}`] }),
    },
  ]);
  expect((await broker.issue('chat', alice)).status).toBe(403);
});

test('the audit has each withdrawal, and neither it nor the log has the secret', async () => {
  const { log, audit } = await broker.readRecords();
  const { decisions } = JSON.parse(audit) as { decisions: readonly Record<string, unknown>[] };
  expect(decisions.filter(({ operation }) => operation === 'revoke')).toEqual(
    expect.arrayContaining([
      expect.objectContaining({ connection: 'chat', outcome: 'allowed', subject: 'alice', actor: expect.any(String) }),
      expect.objectContaining({ connection: 'gone', outcome: 'vendor_unavailable', subject: 'alice' }),
    ]),
  );
  expect(log + audit).not.toContain(keySecret);
});

test('a block of a user whom no vendor knows calls no vendor', async () => {
  ably.requests.length = 0;
  expect((await block('nobody')).status).toBe(204);
  expect(ably.requests).toEqual([]);
});
