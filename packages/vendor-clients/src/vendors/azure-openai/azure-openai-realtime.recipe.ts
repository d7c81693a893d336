import type { RecipeInput } from '../../recipe/index.ts';

export const azureOpenaiRealtimeRecipe = {
  id: 'azure-openai-realtime',
  title: 'Azure OpenAI Realtime',
  secrets: { apiKey: { description: 'One of the two keys of the Azure OpenAI resource.' } },
  options: {
    resource: { description: 'The name of the Azure OpenAI resource.', characters: 'a-z0-9-', max: 64 },
  },
  baseUrl: 'https://{options.resource}.openai.azure.com',
  parameters: {
    model: { description: 'The name of the deployment of a realtime model.', from: 'policy', example: 'gpt-realtime' },
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
      description: 'The field `audio` of the session, such as `{ output: { voice: marin } }`.',
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
        path: '/openai/v1/realtime/client_secrets',
        headers: { 'api-key': '{secrets.apiKey}' },
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
  answer: {
    token: { value: '{mint.value}' },
    details: { resource: '{options.resource}' },
    expiry: { at: '{mint.expires_at}' },
  },
  errors: [
    {
      status: 404,
      code: 'vendor_rejected',
      detail: 'The Azure OpenAI resource has no such deployment.',
      advice: 'Set `set.model` to the name of a deployment of a realtime model, and check `resource`.',
    },
  ],
  verify: {
    method: 'GET',
    path: '/openai/v1/models',
    headers: { 'api-key': '{secrets.apiKey}' },
    repeatable: true,
  },
  sample: {
    mint: {
      value: 'sample-client-secret',
      expires_at: 4_102_444_800,
      session: { type: 'realtime', object: 'realtime.session', model: 'realtime' },
    },
  },
  docs: { hook: '`session.connect({ apiKey })`', withdrawal: 'nothing: it ends by its expiry' },
} as const satisfies RecipeInput;
