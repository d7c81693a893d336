import type { RecipeInput } from '../../recipe/index.ts';

export const deepgramRecipe = {
  id: 'deepgram',
  title: 'Deepgram',
  secrets: { apiKey: { description: 'An API key of the Deepgram project with the role Member.' } },
  baseUrl: 'https://api.deepgram.com',
  binding: 'account',
  keep: 'never',
  life: { default: 30, max: 3_600 },
  steps: [
    {
      as: 'mint',
      http: {
        method: 'POST',
        path: '/v1/auth/grant',
        headers: { authorization: 'Token {secrets.apiKey}' },
        json: { ttl_seconds: '{life}' },
      },
    },
  ],
  answer: { token: { access_token: '{mint.access_token}' }, expiry: { in: '{mint.expires_in}' } },
  errorFields: ['err_code', 'category'],
  errors: [
    {
      status: 403,
      code: 'vendor_auth_failed',
      detail: 'Deepgram does not let the configured key create tokens.',
      advice: 'Create a key with the role Member: a key with a lower role cannot create tokens.',
    },
  ],
  verify: {
    method: 'POST',
    path: '/v1/auth/grant',
    headers: { authorization: 'Token {secrets.apiKey}' },
    json: { ttl_seconds: 1 },
  },
  sample: { mint: { access_token: 'sample-access-token', expires_in: 30 } },
  docs: { hook: '`accessToken`, a function', withdrawal: 'nothing: it ends by its expiry' },
} as const satisfies RecipeInput;
