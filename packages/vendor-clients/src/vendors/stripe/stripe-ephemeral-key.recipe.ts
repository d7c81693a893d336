import type { RecipeInput } from '../../recipe/recipe-schema.ts';
import { stripeCustomers, stripeHeaders, stripeOptions } from './stripe-customers.recipe-parts.ts';

export const stripeEphemeralKeyRecipe = {
  id: 'stripe-ephemeral-key',
  title: 'Stripe (ephemeral key)',
  secrets: {
    secretKey: { description: 'A restricted key of Stripe with the permission to write customers and ephemeral keys.' },
  },
  options: stripeOptions,
  baseUrl: 'https://api.stripe.com',
  parameters: {
    api_version: {
      description: 'The version of Stripe’s API that the mobile SDK names.',
      characters: 'a-z0-9.-',
      max: 40,
      from: 'caller',
      example: '2026-10-28.endive',
    },
  },
  ...stripeCustomers,
  binding: 'user',
  keep: 'never',
  steps: [
    {
      as: 'mint',
      http: {
        method: 'POST',
        path: '/v1/ephemeral_keys',
        headers: { ...stripeHeaders, 'stripe-version': '{parameters.api_version}' },
        form: { customer: '{user.id}' },
      },
    },
  ],
  answer: {
    token: { secret: '{mint.secret}', ephemeral_key: '{mint | json}' },
    details: { customer: '{user.id}' },
    expiry: { at: '{mint.expires}' },
  },
  endpoint: { parameters: { api_version: 'api_version' }, respond: { body: '{token.ephemeral_key}' } },
  sample: {
    mint: {
      id: 'ephkey_sample',
      object: 'ephemeral_key',
      associated_objects: [{ id: 'cus_sample', type: 'customer' }],
      created: 1_795_800_000,
      expires: 4_102_444_800,
      livemode: false,
      secret: 'sample-ephemeral-key',
    },
  },
  docs: {
    hook: '`createCustomerKey(apiVersion)` of the mobile SDKs',
    withdrawal: 'deleting the key by its `id` at Stripe',
  },
} as const satisfies RecipeInput;
