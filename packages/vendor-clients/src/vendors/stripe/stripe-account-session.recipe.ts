import type { RecipeInput } from '../../recipe/recipe-schema.ts';
import { stripeOptions } from './stripe-customers.recipe-parts.ts';

export const stripeAccountSessionRecipe = {
  id: 'stripe-account-session',
  title: 'Stripe Connect (account session)',
  secrets: {
    secretKey: {
      description: 'A restricted key of Stripe with the permission to write account sessions, and to read accounts.',
    },
  },
  options: {
    apiVersion: stripeOptions.apiVersion,
  },
  baseUrl: 'https://api.stripe.com',
  parameters: {
    components: {
      description: 'The embedded components that the session enables, as Stripe documents them.',
      type: 'json',
      from: 'policy',
      example: { payments: { enabled: true } },
    },
  },
  subject: { characters: 'A-Za-z0-9_', max: 255, otherwise: 'refuse', givenBy: 'vendor' },
  binding: 'user',
  keep: 'never',
  steps: [
    {
      as: 'mint',
      http: {
        method: 'POST',
        path: '/v1/account_sessions',
        headers: {
          authorization: 'Bearer {secrets.secretKey}',
          'stripe-version': '{options.apiVersion}',
        },
        form: { account: '{user.id}', components: '{parameters.components}' },
      },
    },
  ],
  answer: {
    token: { client_secret: '{mint.client_secret}' },
    details: { account: '{user.id}' },
    expiry: { at: '{mint.expires_at}' },
    uses: 'once',
  },
  endpoint: { respond: { body: { client_secret: '{token.client_secret}' } } },
  errors: [
    {
      status: 400,
      when: { 'error.code': 'resource_missing', 'error.param': 'account' },
      code: 'vendor_user_not_found',
      detail: 'Stripe does not have the connected account of this user.',
      advice: 'Map the user to a connected account of the platform and the mode (live or sandbox) of `secretKey`.',
    },
    {
      status: 403,
      when: { 'error.code': 'account_invalid' },
      code: 'vendor_user_not_found',
      detail: 'The connected account of this user does not belong to the platform of the configured key.',
      advice: 'Map the user to a connected account of the platform and the mode (live or sandbox) of `secretKey`.',
    },
    {
      status: 403,
      code: 'vendor_auth_failed',
      detail: 'The configured key lacks a permission.',
      advice: 'Compare the permissions of the key with the page of this vendor.',
    },
  ],
  verify: {
    method: 'GET',
    path: '/v1/accounts',
    query: { limit: 1, created: { lt: 1 } },
    headers: {
      authorization: 'Bearer {secrets.secretKey}',
      'stripe-version': '{options.apiVersion}',
    },
    repeatable: true,
  },
  sample: {
    mint: {
      object: 'account_session',
      account: 'acct_sample',
      client_secret: 'sample-client-secret',
      expires_at: 4_102_444_800,
      livemode: false,
    },
  },
  docs: { hook: '`fetchClientSecret` of Connect.js', withdrawal: 'nothing: it ends by its expiry' },
} as const satisfies RecipeInput;
