import type { RecipeInput } from '../../recipe/recipe-schema.ts';
import { stripeHeaders, stripeOptions, stripePermissionError } from './stripe-customers.recipe-parts.ts';

export const stripeTerminalRecipe = {
  id: 'stripe-terminal',
  title: 'Stripe Terminal',
  secrets: {
    secretKey: {
      description: 'A restricted key of Stripe with the permission to write connection tokens, and to read locations.',
    },
  },
  options: stripeOptions,
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
        headers: stripeHeaders,
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
    stripePermissionError,
  ],
  verify: {
    method: 'GET',
    path: '/v1/terminal/locations',
    query: { limit: 1 },
    headers: stripeHeaders,
    repeatable: true,
  },
  sample: { mint: { object: 'terminal.connection_token', secret: 'sample-connection-token' } },
  docs: { hook: '`onFetchConnectionToken`', withdrawal: 'nothing: it ends by its expiry' },
} as const satisfies RecipeInput;
