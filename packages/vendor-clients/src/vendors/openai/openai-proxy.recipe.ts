import type { ProxyRecipeInput } from '../../recipe/index.ts';

export const openaiProxyRecipe = {
  id: 'openai-proxy',
  title: 'OpenAI API',
  secrets: { apiKey: { description: 'An API key of an OpenAI project that may only use models.' } },
  options: {
    models: {
      description: 'The models that callers may use, exactly as OpenAI names them.',
      type: 'list',
      characters: 'A-Za-z0-9._:-',
      max: 100,
    },
    maxOutputTokens: {
      description:
        'The most tokens that one response may have. A request must then state a limit itself. Absent: no limit.',
      type: 'number',
      optional: true,
    },
  },
  baseUrl: 'https://api.openai.com',
  proxy: {
    carriers: [{ header: 'authorization', scheme: 'Bearer' }],
    inject: { authorization: 'Bearer {secrets.apiKey}' },
    calls: [
      {
        method: 'POST',
        paths: ['/v1/chat/completions'],
        body: {
          '/model': { in: '{options.models}' },
          '/max_completion_tokens': { max: '{options.maxOutputTokens}' },
          '/max_tokens': { max: '{options.maxOutputTokens}', optional: true },
          '/moderation': { never: true },
          '/n': { max: 1, optional: true },
          '/service_tier': { in: ['auto', 'default', 'flex'], optional: true },
          '/store': { in: [false], optional: true },
          '/tools': { each: { fields: { '/type': { in: ['function', 'custom'] } } }, optional: true },
          '/web_search_options': { never: true },
        },
      },
      {
        method: 'POST',
        paths: ['/v1/responses'],
        body: {
          '/model': { in: '{options.models}' },
          '/max_output_tokens': { max: '{options.maxOutputTokens}' },
          '/access_programs': { never: true },
          '/background': { in: [false], optional: true },
          '/background_options': { never: true },
          '/conversation': { never: true },
          '/moderation': { never: true },
          '/previous_response_id': { never: true },
          '/prompt': { never: true },
          '/service_tier': { in: ['auto', 'default', 'flex'], optional: true },
          '/tools': { each: { fields: { '/type': { in: ['function', 'custom'] } } }, optional: true },
        },
      },
      { method: 'POST', paths: ['/v1/embeddings'], body: { '/model': { in: '{options.models}' } } },
      { method: 'POST', paths: ['/v1/audio/speech'], body: { '/model': { in: '{options.models}' } } },
    ],
    refuse: { error: { message: '{error.detail}', type: '{error.code}', code: '{error.code}' } },
  },
  verify: { method: 'GET', path: '/v1/models', headers: { authorization: 'Bearer {secrets.apiKey}' } },
  docs: { hook: '`baseURL`, and `apiKey`, a function', withdrawal: 'a block: the broker checks each call' },
} as const satisfies ProxyRecipeInput;
