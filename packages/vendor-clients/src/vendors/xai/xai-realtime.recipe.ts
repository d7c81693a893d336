import type { RecipeInput } from '../../recipe/index.ts';

export const xaiRealtimeRecipe = {
  id: 'xai-realtime',
  title: 'xAI Realtime',
  secrets: { apiKey: { description: 'An API key of an xAI team that may use the Voice Agent API.' } },
  baseUrl: 'https://api.x.ai',
  binding: 'account',
  keep: 'never',
  life: { default: 300, max: 3_600 },
  steps: [
    {
      as: 'mint',
      http: {
        method: 'POST',
        path: '/v1/realtime/client_secrets',
        headers: { authorization: 'Bearer {secrets.apiKey}' },
        json: { expires_after: { seconds: '{life}' } },
      },
    },
  ],
  answer: { token: { value: '{mint.value}' }, expiry: { at: '{mint.expires_at}' } },
  errors: [
    {
      status: 400,
      when: { code: 'Client specified an invalid argument' },
      code: 'vendor_rejected',
      detail: 'xAI did not accept the request.',
      advice: 'Check `apiKey`, and set `expiresInSeconds` to 300 if it has another value.',
    },
  ],
  verify: {
    method: 'POST',
    path: '/v1/realtime/client_secrets',
    headers: { authorization: 'Bearer {secrets.apiKey}' },
    json: { expires_after: { seconds: 60 } },
  },
  sample: { mint: { value: 'sample-client-secret', expires_at: 4_102_444_800 } },
  docs: { hook: 'the secret as a value in the WebSocket', withdrawal: 'nothing: it ends by its expiry' },
} as const satisfies RecipeInput;
