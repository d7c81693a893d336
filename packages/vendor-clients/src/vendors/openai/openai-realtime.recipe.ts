import type { RecipeInput } from '../../recipe/index.ts';

export const openaiRealtimeRecipe = {
  id: 'openai-realtime',
  title: 'OpenAI Realtime',
  secrets: { apiKey: { description: 'An API key of an OpenAI project that may use the Realtime API.' } },
  options: {
    organization: {
      description: 'The id of the organization, if the key belongs to several.',
      characters: 'A-Za-z0-9_-',
      optional: true,
    },
    project: {
      description: 'The id of the project, if the key belongs to several.',
      characters: 'A-Za-z0-9_-',
      optional: true,
    },
  },
  baseUrl: 'https://api.openai.com',
  parameters: {
    model: {
      description: 'The model of the sessions, such as `gpt-realtime`.',
      from: 'policy',
      example: 'gpt-realtime',
    },
    instructions: {
      description: 'The instructions for the model.',
      characters: 'multiline',
      max: 32_768,
      from: 'policy',
      optional: true,
    },
    output_modalities: {
      description: 'What the model responds with.',
      type: 'list',
      values: ['audio', 'text'],
      from: 'policy',
      optional: true,
    },
    audio: {
      description: 'The field `audio` of the session, as OpenAI documents it, such as `{ output: { voice: marin } }`.',
      type: 'json',
      from: 'policy',
      optional: true,
    },
  },
  binding: 'account',
  keep: 'never',
  life: { default: 600, min: 10, max: 7_200 },
  steps: [
    {
      as: 'mint',
      http: {
        method: 'POST',
        path: '/v1/realtime/client_secrets',
        headers: {
          authorization: 'Bearer {secrets.apiKey}',
          'openai-organization': '{options.organization}',
          'openai-project': '{options.project}',
        },
        json: {
          expires_after: { anchor: 'created_at', seconds: '{life}' },
          session: {
            type: 'realtime',
            model: '{parameters.model}',
            instructions: '{parameters.instructions}',
            output_modalities: '{parameters.output_modalities}',
            audio: '{parameters.audio}',
          },
        },
      },
    },
  ],
  answer: { token: { value: '{mint.value}' }, expiry: { at: '{mint.expires_at}' } },
  errors: [
    {
      status: 403,
      when: { 'error.code': 'unsupported_country_region_territory' },
      code: 'vendor_rejected',
      detail: 'OpenAI does not serve the country from which the broker calls it.',
      advice: 'Let the broker call OpenAI from an address in a supported country.',
    },
    {
      status: 404,
      when: { 'error.code': 'model_not_found' },
      code: 'vendor_rejected',
      detail: 'OpenAI knows no such model, or the project may not use it.',
      advice: 'Correct `set.model`, and check in the project’s limits that it may use the model.',
    },
  ],
  verify: {
    method: 'POST',
    path: '/v1/realtime/client_secrets',
    headers: {
      authorization: 'Bearer {secrets.apiKey}',
      'openai-organization': '{options.organization}',
      'openai-project': '{options.project}',
    },
    json: { expires_after: { anchor: 'created_at', seconds: 10 } },
  },
  sample: {
    mint: {
      // OpenAI's client SDK accepts only a secret with this beginning in a browser.
      value: 'ek_sample-client-secret',
      expires_at: 4_102_444_800,
      session: { type: 'realtime', object: 'realtime.session', model: 'gpt-realtime' },
    },
  },
  docs: { hook: '`session.connect({ apiKey })`', withdrawal: 'nothing; `calls.hangup(callId)` ends a call' },
} as const satisfies RecipeInput;
