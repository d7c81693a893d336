import type { RecipeInput } from '../../recipe/index.ts';

export const stripeCustomerSessionRecipe = {
  id: 'stripe-customer-session',
  title: 'Stripe (customer session)',
  secrets: {
    secretKey: {
      description: 'A restricted key of Stripe with the permission to write customers and customer sessions.',
    },
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
    components: {
      description: 'The components of Stripe that the session enables, as Stripe documents them.',
      type: 'json',
      from: 'policy',
      example: { payment_element: { enabled: true } },
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
        path: '/v1/customer_sessions',
        headers: {
          authorization: 'Bearer {secrets.secretKey}',
          'stripe-version': '{options.apiVersion}',
          'stripe-account': '{options.account}',
        },
        form: { customer: '{user.id}', components: '{parameters.components}' },
      },
    },
  ],
  answer: {
    token: { client_secret: '{mint.client_secret}' },
    details: { customer: '{user.id}' },
    expiry: { at: '{mint.expires_at}' },
    uses: 'once',
  },
  endpoint: { respond: { body: { client_secret: '{token.client_secret}' } } },
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
      object: 'customer_session',
      client_secret: 'sample-client-secret',
      created: 1_795_800_000,
      customer: 'cus_sample',
      expires_at: 4_102_444_800,
      livemode: false,
    },
  },
  docs: { hook: 'the client secret as a value', withdrawal: 'nothing: it ends by its expiry' },
} as const satisfies RecipeInput;
