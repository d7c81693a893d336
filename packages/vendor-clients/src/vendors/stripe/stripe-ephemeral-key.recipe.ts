import type { RecipeInput } from '../../recipe/index.ts';

export const stripeEphemeralKeyRecipe = {
  id: 'stripe-ephemeral-key',
  title: 'Stripe (ephemeral key)',
  secrets: {
    secretKey: { description: 'A restricted key of Stripe with the permission to write customers and ephemeral keys.' },
  },
  options: {
    apiVersion: {
      description: 'The version of Stripe’s API.',
      characters: 'A-Za-z0-9.;_=-',
      default: '2026-10-28.endive',
    },
    account: {
      description: 'The id of a connected account on whose behalf Stripe is called. Absent: your own account.',
      characters: 'A-Za-z0-9_',
      optional: true,
    },
  },
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
  subject: { characters: 'A-Za-z0-9_-', max: 255, otherwise: 'hash' },
  binding: 'user',
  keep: 'never',
  ensure: {
    rule: 'create-once-and-store',
    create: {
      method: 'POST',
      path: '/v1/customers',
      headers: {
        authorization: 'Bearer {secrets.secretKey}',
        'stripe-version': '{options.apiVersion}',
        'stripe-account': '{options.account}',
        'idempotency-key': 'valetkey:{user.id}',
      },
      form: { metadata: { valetkey_user: '{user.id}' } },
      repeatable: true,
    },
    userId: '{created.id}',
  },
  steps: [
    {
      as: 'mint',
      http: {
        method: 'POST',
        path: '/v1/ephemeral_keys',
        headers: {
          authorization: 'Bearer {secrets.secretKey}',
          'stripe-version': '{parameters.api_version}',
          'stripe-account': '{options.account}',
        },
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
  errors: [
    {
      status: 400,
      when: { 'error.code': 'resource_missing', 'error.param': 'customer' },
      code: 'vendor_rejected',
      detail: 'Stripe does not have the customer of this user.',
      advice:
        'Check that `secretKey` belongs to the account and the mode (live or sandbox) in which the customer was created. If the customer was deleted on purpose, delete its mapping with `DELETE /v1/vendor-users`.',
    },
    {
      status: 403,
      code: 'vendor_auth_failed',
      detail: 'The configured key lacks a permission, or may not act for the connected account.',
      advice: 'Compare the permissions of the key with the page of this vendor, and check `account`.',
    },
  ],
  verify: {
    method: 'GET',
    path: '/v1/customers',
    query: { limit: 1, created: { lt: 1 } },
    headers: {
      authorization: 'Bearer {secrets.secretKey}',
      'stripe-version': '{options.apiVersion}',
      'stripe-account': '{options.account}',
    },
    repeatable: true,
  },
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
