import type { RecipeInput } from '../../recipe/index.ts';

export const elevenlabsTokenRecipe = {
  id: 'elevenlabs-token',
  title: 'ElevenLabs',
  secrets: { apiKey: { description: 'An API key of ElevenLabs that may use the products of the tokens.' } },
  baseUrl: 'https://api.elevenlabs.io',
  parameters: {
    token_type: {
      description: 'The product for which the token is.',
      values: ['realtime_scribe', 'batch_scribe', 'tts_websocket'],
      from: 'caller',
      authorize: true,
    },
  },
  binding: 'account',
  keep: 'never',
  steps: [
    {
      as: 'mint',
      http: {
        method: 'POST',
        path: '/v1/single-use-token/{parameters.token_type}',
        headers: { 'xi-api-key': '{secrets.apiKey}' },
      },
    },
  ],
  answer: {
    token: { token: '{mint.token}' },
    details: { token_type: '{parameters.token_type}' },
    expiry: { seconds: 900 },
    uses: 'once',
  },
  errors: [
    {
      status: 401,
      when: { 'detail.status': 'missing_permissions' },
      code: 'vendor_auth_failed',
      detail: 'The ElevenLabs key lacks a permission.',
      advice: 'Give the key access to the product of the token in its settings at ElevenLabs.',
    },
    {
      status: 401,
      when: { 'detail.status': 'quota_exceeded' },
      code: 'vendor_rejected',
      detail: 'The credits of the ElevenLabs key or account are used up.',
      advice: 'Raise the credit limit of the key, or the plan of the account.',
    },
  ],
  sample: { mint: { token: 'sample-token' } },
  docs: { hook: '`token` at the start of a connection', withdrawal: 'nothing: it works once' },
} as const satisfies RecipeInput;
