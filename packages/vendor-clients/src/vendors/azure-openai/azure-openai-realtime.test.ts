import { Secret } from '@valetkey/core-types';
import { expect, test } from 'vitest';
import { defineRecipe } from '../../recipe/index.ts';
import { startVendorServer } from '../../testing/vendor-server.ts';
import { azureOpenaiRealtimeRecipe } from './azure-openai-realtime.recipe.ts';

const connection = {
  apiKey: 'sample-api-key',
  resource: 'sample-resource',
  set: { model: 'voice', instructions: 'Speak slowly.\nBe brief.', audio: { output: { voice: 'marin' } } },
};

test('requests a client secret for the deployment that the operator names', async () => {
  const date = new Date(1_795_800_000_000).toUTCString();
  const json = { value: 'sample-client-secret', expires_at: 1_795_800_600 };
  await using server = await startVendorServer({ headers: { date }, json });
  const client = defineRecipe(azureOpenaiRealtimeRecipe).createClient({ ...connection, baseUrl: server.url });
  const { fields, expiresInSeconds } = await client.issue();
  await client.close();

  expect(fields['value'] instanceof Secret && fields['value'].reveal()).toBe('sample-client-secret');
  expect(fields['resource']).toBe('sample-resource');
  expect(expiresInSeconds).toBe(600);
  expect(server.calls).toMatchObject([
    {
      method: 'POST',
      path: '/openai/v1/realtime/client_secrets',
      headers: { 'api-key': 'sample-api-key', 'content-type': 'application/json' },
      body: JSON.stringify({
        expires_after: { anchor: 'created_at', seconds: 600 },
        session: {
          type: 'realtime',
          model: 'voice',
          instructions: 'Speak slowly.\nBe brief.',
          audio: { output: { voice: 'marin' } },
        },
      }),
    },
  ]);
});

test.each(['sample.evil.example', 'Sample', 'a/b', ''])('refuses %j as the name of a resource', (resource) => {
  const { options } = defineRecipe(azureOpenaiRealtimeRecipe);
  expect(options.safeParse({ ...connection, resource }).success).toBe(false);
});
