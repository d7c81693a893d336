import { expect, test } from 'vitest';
import { defineRecipe } from '../../recipe/index.ts';
import { startVendorServer } from '../../testing/vendor-server.ts';
import { stripeAccountSessionRecipe } from './stripe-account-session.recipe.ts';
import { stripeCustomerSessionRecipe } from './stripe-customer-session.recipe.ts';
import { stripeEphemeralKeyRecipe } from './stripe-ephemeral-key.recipe.ts';

const person = 'vk_sample-person';
const set = { components: { payment_element: { enabled: true } } };
const recipes = [
  ['stripe-ephemeral-key', stripeEphemeralKeyRecipe, {}],
  ['stripe-customer-session', stripeCustomerSessionRecipe, { set }],
] as const;

test.each(recipes)(
  '%s creates a customer with one key per person, so that a repeated call creates none',
  async (...row) => {
    const [, recipe, connection] = row;
    await using server = await startVendorServer({ json: { id: 'cus_sample', object: 'customer' } });
    const vendor = defineRecipe(recipe);
    const client = vendor.createClient({
      secretKey: 'sample-secret-key',
      account: 'acct_sample',
      baseUrl: server.url,
      ...connection,
    });

    await expect(client.ensureUser(person)).resolves.toEqual({ vendorUserId: 'cus_sample', created: true });
    server.respond({ status: 503 }, { json: { id: 'cus_sample' } });
    await expect(client.ensureUser(person)).resolves.toMatchObject({ vendorUserId: 'cus_sample' });
    await client.close();

    const [first, ...others] = server.calls.map(({ method, path, headers, body }) => ({
      line: `${method} ${path}`,
      key: headers['idempotency-key'],
      account: headers['stripe-account'],
      version: headers['stripe-version'],
      body,
    }));
    expect(first).toEqual({
      line: 'POST /v1/customers',
      key: 'valetkey:vk_sample-person',
      account: 'acct_sample',
      version: '2026-10-28.endive',
      body: 'metadata[valetkey_user]=vk_sample-person',
    });
    expect(others).toEqual([first, first]);
  },
);

test.each(recipes)('%s keeps the customer of a person whom Stripe does not have', async (...row) => {
  const [, recipe, connection] = row;
  const error = {
    type: 'invalid_request_error',
    code: 'resource_missing',
    param: 'customer',
    message: 'No such customer',
  };
  await using server = await startVendorServer({ status: 400, json: { error } });
  const vendor = defineRecipe(recipe);
  const client = vendor.createClient({ secretKey: 'sample-secret-key', baseUrl: server.url, ...connection });
  const parameters = 'api_version' in recipe.parameters ? { api_version: '2025-06-30.basil' } : {};

  // A key of another mode knows none of the customers. `vendor_user_not_found` would replace them all, one by one.
  await expect(client.issue({ userId: 'cus_sample', parameters })).rejects.toMatchObject({ code: 'vendor_rejected' });
  await client.close();
});

test.each(['2025-06-30.basil', '2024-06-20'])('accepts the version %s, which a mobile SDK names', (api_version) => {
  expect(acceptsVersion(api_version)).toBe(true);
});

test.each(['2024-06-20\r\nx: y', '2024-06-20 ', 'é', '', '../x', 'x'.repeat(41)])(
  'refuses the version %j',
  (api_version) => {
    expect(acceptsVersion(api_version)).toBe(false);
  },
);

function acceptsVersion(api_version: string): boolean | undefined {
  const vendor = defineRecipe(stripeEphemeralKeyRecipe);
  const { issue } = vendor.create(vendor.options.parse({ secretKey: 'sample-secret-key' }));
  return issue?.parameters.safeParse({ api_version }).success;
}

test('stripe-account-session creates no account, and says when the account of a person is unknown', async () => {
  const error = {
    type: 'invalid_request_error',
    code: 'resource_missing',
    param: 'account',
    message: 'No such account',
  };
  await using server = await startVendorServer({ status: 400, json: { error } });
  const vendor = defineRecipe(stripeAccountSessionRecipe);
  const options = vendor.options.parse({ secretKey: 'sample-secret-key', baseUrl: server.url, set });
  expect(vendor.create(options).users).toBeUndefined();

  const client = vendor.createClient({ secretKey: 'sample-secret-key', baseUrl: server.url, set });
  await expect(client.issue({ userId: 'acct_sample' })).rejects.toMatchObject({ code: 'vendor_user_not_found' });
  await client.close();
});
