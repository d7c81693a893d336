import { Secret, type IssuedToken } from '@valetkey/core-types';
import { createSandbox, simulateRecipe } from '@valetkey/sandbox';
import { expect, test } from 'vitest';
import { defineRecipe } from './define-recipe.ts';
import type { RecipeInput } from './recipe-schema.ts';
import { sampleOf } from './sample.ts';

const service = {
  id: 'acme',
  title: 'Acme',
  secrets: { clientSecret: { description: 'The secret of the client.' } },
  options: { clientId: { description: 'The id of the client.' } },
  service: {
    tokenUrl: 'https://id.acme.example/token',
    clientId: '{options.clientId}',
    clientSecret: '{secrets.clientSecret}',
    scope: 'mint',
  },
  baseUrl: 'https://api.acme.example',
  binding: 'account',
  keep: 'never',
  life: { default: 60, max: 600 },
  steps: [
    {
      as: 'mint',
      http: {
        method: 'POST',
        path: '/tokens',
        headers: { authorization: 'Bearer {service.token}' },
        form: { until: '{expiry | iso-date}' },
        read: 'xml',
      },
    },
  ],
  answer: { token: { token: '{mint.result.tokens.token}' }, expiry: { at: '{mint.result.until}' } },
  sample: {
    mint: { result: { tokens: { token: 'a<&b' }, list: [1, 2], none: null, until: '2026-01-01T00:00:00Z' } },
  },
} as const satisfies RecipeInput;

const tokenOf = ({ fields: { token } }: IssuedToken) => (token instanceof Secret ? token.reveal() : undefined);

/** Starts a simulation of a recipe, and returns a client of it. */
async function start(recipe: RecipeInput, changes: object = {}) {
  const vendor = defineRecipe(recipe);
  const sandbox = await createSandbox({ simulations: [simulateRecipe(sampleOf(vendor.recipe))] });
  const client = vendor.createClient({ ...sandbox.connections[recipe.id], ...changes });
  return {
    client,
    sandbox,
    [Symbol.asyncDispose]: async () => {
      await client.close();
      await sandbox.close();
    },
  };
}

test.each(['form', 'json'] as const)(
  'a simulation grants the broker an access token for a request in the encoding %s, and responds in XML',
  async (encoding) => {
    await using started = await start({ ...service, service: { ...service.service, encoding } });
    const [first, second] = [await started.client.issue(), await started.client.issue({ expiresInSeconds: 120 })];
    expect([tokenOf(first), tokenOf(second)]).toEqual(['a<&b-2', 'a<&b-3']);
    expect([first.expiresInSeconds, second.expiresInSeconds]).toEqual([60, 120]);
    expect(Reflect.get(started.sandbox.calls(), 'acme')).toEqual({ 'POST /service-token': 1, 'POST /tokens': 2 });
  },
);

test('a simulation refuses a wrong secret of a client at its token endpoint', async () => {
  await using started = await start(service, { clientSecret: 'sandbox-only-wrong' });
  await expect(started.client.issue()).rejects.toMatchObject({ code: 'vendor_auth_failed' });
});
