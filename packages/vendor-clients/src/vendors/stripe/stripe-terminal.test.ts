import type { Principal } from '@valetkey/core-types';
import { expect, test } from 'vitest';
import { defineRecipe } from '../../recipe/index.ts';
import { startVendorServer } from '../../testing/vendor-server.ts';
import { stripeTerminalRecipe } from './stripe-terminal.recipe.ts';

const cashier = (claims: Principal['claims']): Principal => ({
  issuer: 'https://id.example.com',
  subject: 'cashier',
  scopes: [],
  claims,
});

test('a token is for the location of the cashier, and never for all readers if the claim is missing', async () => {
  await using server = await startVendorServer({ json: { object: 'terminal.connection_token', secret: 'sample' } });
  const vendor = defineRecipe(stripeTerminalRecipe);
  const client = vendor.createClient({
    secretKey: 'sample-secret-key',
    baseUrl: server.url,
    set: { location: { claim: 'location' } },
  });

  await client.issue({ principal: cashier({ location: 'tml_sample' }) });
  await expect(client.issue({ principal: cashier({}) })).rejects.toMatchObject({
    code: 'forbidden',
    reason: 'claim:location',
  });
  await client.close();

  expect(server.calls.map(({ body }) => body)).toEqual(['location=tml_sample']);
});
