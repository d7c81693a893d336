import type { RecipeInput } from '../../recipe/recipe-schema.ts';
import { stripeCustomers, stripeHeaders, stripeOptions } from './stripe-customers.recipe-parts.ts';

export const stripeCustomerSessionRecipe = {
  id: 'stripe-customer-session',
  title: 'Stripe (customer session)',
  secrets: {
    secretKey: {
      description: 'A restricted key of Stripe with the permission to write customers and customer sessions.',
    },
  },
  options: stripeOptions,
  baseUrl: 'https://api.stripe.com',
  parameters: {
    components: {
      description: 'The components of Stripe that the session enables, as Stripe documents them.',
      type: 'json',
      from: 'policy',
      example: { payment_element: { enabled: true } },
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
        path: '/v1/customer_sessions',
        headers: stripeHeaders,
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
