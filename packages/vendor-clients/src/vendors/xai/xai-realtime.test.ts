import { Secret } from '@valetkey/core-types';
import { expect, test } from 'vitest';
import { defineRecipe } from '../../recipe/index.ts';
import { startVendorServer } from '../../testing/vendor-server.ts';
import { xaiRealtimeRecipe } from './xai-realtime.recipe.ts';

test('requests a client secret without a session and an anchor, which xAI refuses', async () => {
  const date = new Date(1_795_800_000_000).toUTCString();
  const json = { value: 'sample-client-secret', expires_at: 1_795_800_120 };
  await using server = await startVendorServer({ headers: { date }, json });
  const client = defineRecipe(xaiRealtimeRecipe).createClient({ apiKey: 'sample-api-key', baseUrl: server.url });
  const { fields, expiresInSeconds } = await client.issue({ expiresInSeconds: 120 });
  await client.close();

  expect(fields['value'] instanceof Secret && fields['value'].reveal()).toBe('sample-client-secret');
  expect(expiresInSeconds).toBe(120);
  expect(server.calls).toMatchObject([
    {
      method: 'POST',
      path: '/v1/realtime/client_secrets',
      headers: { authorization: 'Bearer sample-api-key', 'content-type': 'application/json' },
      body: '{"expires_after":{"seconds":120}}',
    },
  ]);
});
