import { expect, test } from 'vitest';
import { defineRecipe } from '../../recipe/index.ts';
import { startVendorServer, type PlannedResponse } from '../../testing/vendor-server.ts';
import { plaidLinkRecipe } from './plaid-link.recipe.ts';

const connection = {
  secret: { current: 'old-secret', next: 'new-secret' },
  clientId: 'sample-client-id',
  environment: 'sandbox',
  clientName: 'Sample App',
  set: { products: ['auth'], country_codes: ['US'] },
};

const refusal = (error_code: string): PlannedResponse => ({
  status: 400,
  json: { error_type: 'INVALID_INPUT', error_code, error_message: 'refused', request_id: 'sample-request' },
});

test.each([
  ['INVALID_API_KEYS', 'vendor_auth_failed'],
  ['UNAUTHORIZED_ENVIRONMENT', 'vendor_auth_failed'],
  ['INVALID_PRODUCT', 'vendor_rejected'],
  ['INVALID_FIELD', 'vendor_rejected'],
  ['OTHER', 'vendor_rejected'],
])('the error %s of Plaid is %s', async (error_code, code) => {
  await using server = await startVendorServer(refusal(error_code));
  const client = defineRecipe(plaidLinkRecipe).createClient({ ...connection, baseUrl: server.url });
  await expect(client.issue({ userId: 'alice' })).rejects.toMatchObject({ code });
  await client.close();
});

test('a secret that Plaid refuses with status 400 is replaced by the other slot', async () => {
  const date = new Date(0).toUTCString();
  const token = { link_token: 'sample-link-token', expiration: '1970-01-01T04:00:00Z' };
  await using server = await startVendorServer(refusal('INVALID_API_KEYS'), { headers: { date }, json: token });
  const client = defineRecipe(plaidLinkRecipe).createClient({ ...connection, baseUrl: server.url });
  await expect(client.issue({ userId: 'alice' })).resolves.toMatchObject({ expiresInSeconds: 14_400 });
  await client.close();
  expect(server.calls.map(({ headers }) => headers['plaid-secret'])).toEqual(['old-secret', 'new-secret']);
});

test('the check of the secret creates no link token', async () => {
  await using server = await startVendorServer(refusal('INVALID_LINK_TOKEN'));
  const client = defineRecipe(plaidLinkRecipe).createClient({ ...connection, baseUrl: server.url });
  await expect(client.verify()).resolves.toEqual({ proven: ['`secret` is accepted'] });
  server.respond(refusal('INVALID_API_KEYS'));
  await expect(client.verify()).rejects.toMatchObject({ code: 'vendor_auth_failed' });
  await client.close();
  expect(new Set(server.calls.map(({ path }) => path))).toEqual(new Set(['/link/token/get']));
});
