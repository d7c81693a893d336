import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createSandbox, type Sandbox } from '@valetkey/sandbox';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { assemble, type AssembledBroker } from '../../src/assemble.ts';
import { examine } from '../../src/cli/doctor.ts';
import { readConnectionVendors } from '../../src/config/connection-vendors.ts';
import { loadConfig } from '../../src/config/load-config.ts';
import { startRecordedServer, type RecordedServer } from '../support/recorded-server.ts';

const apiSecret = 'sample-secret-of-livekit-0123456789';
const recipe = {
  id: 'acme',
  title: 'Acme',
  secrets: { apiKey: { description: 'The key.' } },
  baseUrl: 'https://api.acme.example',
  parameters: { color: { description: 'The color.', from: 'caller', optional: true } },
  binding: 'account',
  keep: 'never',
  steps: [
    {
      as: 'mint',
      http: {
        method: 'POST',
        path: '/tokens',
        headers: { authorization: 'Bearer {secrets.apiKey}' },
        json: { color: '{parameters.color}' },
      },
    },
  ],
  answer: { token: { token: '{mint.token}' }, expiry: { seconds: 60 } },
  verify: { method: 'GET', path: '/me', headers: { authorization: 'Bearer {secrets.apiKey}' } },
  sample: { mint: { token: 'sample' } },
};

let folder: string;
let sandbox: Sandbox;
let acme: RecordedServer;
let broker: AssembledBroker;
let brokerUrl: string;
let authorization: string;
beforeAll(async () => {
  sandbox = await createSandbox();
  acme = await startRecordedServer({ token: 'acme-token' });
  folder = await mkdtemp(join(tmpdir(), 'valetkey-recipes-'));
  const config = {
    listen: { port: 0 },
    admin: { port: 0 },
    store: { sqlite: ':memory:' },
    log: { level: 'silent' },
    issuers: [{ issuer: sandbox.urls.idp, audiences: ['valetkey'] }],
    vendors: {
      rooms: {
        vendor: 'livekit',
        apiKey: 'key-1',
        apiSecret,
        serverUrl: 'wss://rooms.example',
        set: { can_publish: true },
        allow: { room: ['lobby'] },
      },
      acme: { recipe: './acme.json', apiKey: 'key-of-acme', baseUrl: acme.url },
      'acme-staff': { recipe: './acme.json', apiKey: 'key-of-acme', baseUrl: acme.url, requiredScopes: ['staff'] },
    },
  };
  await writeFile(join(folder, 'acme.json'), JSON.stringify(recipe));
  await writeFile(join(folder, 'valetkey.config.json'), JSON.stringify(config));
  broker = assemble(await loadConfig(join(folder, 'valetkey.config.json')));
  ({ brokerUrl } = await broker.listen());
  authorization = `Bearer ${await sandbox.mintUserToken({ sub: 'alice' })}`;
});
afterAll(async () => {
  await broker.close();
  await acme[Symbol.asyncDispose]();
  await sandbox.close();
  await rm(folder, { recursive: true });
});

async function issue(connection: string, parameters: object) {
  const response = await fetch(`${brokerUrl}/v1/vendors/${connection}/token`, {
    method: 'POST',
    headers: { authorization, 'content-type': 'application/json' },
    body: JSON.stringify(parameters),
  });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}

test('issues tokens of a recipe of the catalog and of a recipe file as for any other vendor', async () => {
  const room = await issue('rooms', { room: 'lobby' });
  expect(room).toMatchObject({
    status: 200,
    body: { vendor: 'livekit', connection: 'rooms', room: 'lobby', server_url: 'wss://rooms.example', expires_in: 600 },
  });
  const [, claims = ''] = String(room.body['participant_token']).split('.');
  expect(JSON.parse(Buffer.from(claims, 'base64url').toString())).toMatchObject({
    iss: 'key-1',
    sub: room.body['vendor_user_id'],
    video: { room: 'lobby' },
  });

  expect(await issue('acme', { color: 'red' })).toMatchObject({
    status: 200,
    body: { vendor: 'acme', connection: 'acme', token: 'acme-token', expires_in: 60 },
  });
  expect(acme.requests.at(-1)).toEqual({
    method: 'POST',
    path: '/tokens',
    authorization: 'Bearer key-of-acme',
    body: '{"color":"red"}',
  });
});

test('refuses what a recipe, its connection or its policy does not allow', async () => {
  expect(await issue('rooms', { room: 'other' })).toMatchObject({ status: 403, body: { code: 'forbidden' } });
  expect(await issue('rooms', { room: 'lobby', can_publish: true })).toMatchObject({ status: 400 });
  expect(await issue('acme-staff', {})).toMatchObject({ status: 403, body: { code: 'forbidden' } });
});

test('lists recipe connections in the session, in the types for apps and in the API description', async () => {
  const session = await fetch(`${brokerUrl}/v1/session`, { headers: { authorization } });
  expect(await session.json()).toMatchObject({
    vendors: {
      rooms: { vendor: 'livekit', operations: ['issue'] },
      acme: { vendor: 'acme', operations: ['issue'] },
    },
  });
  const types = await readConnectionVendors(join(folder, 'valetkey.config.json'));
  expect(Object.fromEntries(types)).toEqual({ rooms: 'livekit', acme: 'acme', 'acme-staff': 'acme' });
  const description = (await (await fetch(`${brokerUrl}/openapi.json`)).json()) as { paths: object };
  expect(Object.keys(description.paths)).toEqual(
    expect.arrayContaining(['/v1/vendors/{connection}/token', '/v1/vendors/{connection}/endpoint']),
  );
});

test('doctor proves the key of a recipe by its own request, and says what it could not check', async () => {
  const outcomes = async () => {
    const findings = await examine(await loadConfig(join(folder, 'valetkey.config.json')));
    return Object.fromEntries(findings.map(({ part, outcome, detail }) => [part, `${outcome}: ${detail}`]));
  };
  expect(await outcomes()).toMatchObject({
    'connection acme': 'passed: `apiKey` is accepted',
    'connection rooms': 'not_checked: not checked: `apiSecret`: LiveKit has no call that checks it without an effect',
  });
  expect(acme.requests.at(-1)).toMatchObject({ method: 'GET', path: '/me', authorization: 'Bearer key-of-acme' });
  acme.refuse(401);
  expect((await outcomes())['connection acme']).toMatch(/^failed: .*vendor_auth_failed.*vendors\.acme/);
});
