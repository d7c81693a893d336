import { createSandbox } from '@valetkey/sandbox';
import { defineRecipe } from '@valetkey/vendor-clients/recipe';
import { expect, test } from 'vitest';
import { startRecordedServer } from '../support/recorded-server.ts';
import { createConfigFor, startRecordingBroker } from '../support/recording-broker.ts';

const description = 'A description.';
const shared = defineRecipe({
  id: 'shared',
  title: 'Shared',
  secrets: { apiKey: { description } },
  options: { project: { description } },
  baseUrl: 'https://api.shared.example',
  parameters: {
    room: { description, from: 'caller', authorize: true },
    plan: { description, from: 'policy', default: 'free' },
  },
  binding: 'account',
  keep: 'account',
  life: { default: 600, max: 600 },
  steps: [
    {
      as: 'mint',
      http: {
        method: 'POST',
        path: '/tokens',
        headers: { authorization: 'Bearer {secrets.apiKey}' },
        json: {
          room: '{parameters.room}',
          plan: '{parameters.plan}',
          project: '{options.project}',
          seconds: '{life}',
        },
      },
    },
  ],
  answer: { token: { token: '{mint.token}' }, expiry: 'asked' },
  sample: { mint: { token: 'sample' } },
});

test('a kept token is returned only to callers who may have one with the same parameters', async () => {
  await using sandbox = await createSandbox();
  await using vendor = await startRecordedServer({ token: 'kept-token' });
  const { vendors, ...config } = createConfigFor(sandbox);
  const connection = {
    vendor: 'shared',
    apiKey: 'key-of-shared',
    baseUrl: vendor.url,
    cache: { minRemainingSeconds: 60 },
    allow: { room: ['lobby', 'team:{claim:team}'] },
    set: { plan: { claim: 'plan' } },
  };
  await using broker = await startRecordingBroker({
    ...config,
    adapters: [shared],
    vendors: { nudge: vendors.nudge, one: { ...connection, project: '1' }, two: { ...connection, project: '2' } },
  });
  const issue = async (name: string, claims: object, body: object) => {
    const token = await sandbox.mintUserToken({ sub: 'alice', claims: claims as never });
    const response = await broker.issue(name, token, {
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    return [response.status, vendor.requests.length];
  };
  const red = { team: 'red' };
  expect(await issue('one', red, { room: 'team:red' })).toEqual([200, 1]);
  expect(await issue('one', red, { room: 'team:red' })).toEqual([200, 1]);
  expect(await issue('one', { team: 'blue' }, { room: 'team:red' })).toEqual([403, 1]);
  expect(await issue('one', {}, { room: 'team:red' })).toEqual([403, 1]);
  expect(await issue('one', { ...red, plan: 'paid' }, { room: 'team:red' })).toEqual([200, 2]);
  expect(await issue('one', { ...red, plan: ['free'] }, { room: 'team:red' })).toEqual([403, 2]);
  expect(await issue('one', red, { room: 'lobby' })).toEqual([200, 3]);
  expect(await issue('one', red, { room: 'team:red', expires_in_seconds: 300 })).toEqual([200, 4]);
  expect(await issue('two', red, { room: 'team:red' })).toEqual([200, 5]);
  expect(vendor.requests.map(({ body }) => (JSON.parse(body) as { project: string }).project).join('')).toBe('11112');
});
