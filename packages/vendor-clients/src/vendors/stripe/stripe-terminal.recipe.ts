import type { RecipeInput } from '../../recipe/index.ts';

export const stripeTerminalRecipe = {
  id: 'stripe-terminal',
  title: 'Stripe Terminal',
  secrets: {
    secretKey: {
      description: 'A restricted key of Stripe with the permission to write connection tokens, and to read locations.',
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
    location: {
      description: 'The id of the location whose readers the app may connect to. Absent: every reader of the account.',
      characters: 'A-Za-z0-9_',
      from: 'policy',
      optional: true,
      widens: true,
    },
  },
  binding: 'account',
  keep: 'never',
  steps: [
    {
      as: 'mint',
      http: {
        method: 'POST',
        path: '/v1/terminal/connection_tokens',
        headers: {
          authorization: 'Bearer {secrets.secretKey}',
          'stripe-version': '{options.apiVersion}',
          'stripe-account': '{options.account}',
        },
        form: { location: '{parameters.location}' },
      },
    },
  ],
  answer: {
    token: { secret: '{mint.secret}' },
    details: { location: '{mint.location}' },
    expiry: 'unknown',
    uses: 'once',
  },
  endpoint: { respond: { body: { secret: '{token.secret}' } } },
  errors: [
    {
      status: 400,
      when: { 'error.code': 'resource_missing', 'error.param': 'location' },
      code: 'vendor_rejected',
      detail: 'Stripe does not have the location.',
      advice: 'Correct `set.location`, and check that `secretKey` is of the mode (live or sandbox) of the location.',
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
    path: '/v1/terminal/locations',
    query: { limit: 1 },
    headers: {
      authorization: 'Bearer {secrets.secretKey}',
      'stripe-version': '{options.apiVersion}',
      'stripe-account': '{options.account}',
    },
    repeatable: true,
  },
  sample: { mint: { object: 'terminal.connection_token', secret: 'sample-connection-token' } },
  docs: { hook: '`onFetchConnectionToken`', withdrawal: 'nothing: it ends by its expiry' },
} as const satisfies RecipeInput;
