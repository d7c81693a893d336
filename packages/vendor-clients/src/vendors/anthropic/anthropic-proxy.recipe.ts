import type { ProxyRecipeInput } from '../../recipe/index.ts';

export const anthropicProxyRecipe = {
  id: 'anthropic-proxy',
  title: 'Anthropic',
  secrets: { apiKey: { description: 'An API key of a workspace of the Claude Console.' } },
  options: {
    models: {
      description: 'The models that callers may use, exactly as Anthropic names them.',
      type: 'list',
      characters: 'A-Za-z0-9._:-',
      max: 100,
    },
    maxTokens: {
      description: 'The most tokens that one response may have (`max_tokens`). Absent: as many as the model can write.',
      type: 'number',
      optional: true,
    },
  },
  baseUrl: 'https://api.anthropic.com',
  proxy: {
    carriers: [{ header: 'authorization', scheme: 'Bearer' }, { header: 'x-api-key' }],
    inject: { 'x-api-key': '{secrets.apiKey}' },
    headers: ['anthropic-version'],
    calls: [
      {
        method: 'POST',
        paths: ['/v1/messages'],
        body: {
          '/model': { in: '{options.models}' },
          '/max_tokens': { max: '{options.maxTokens}' },
          '/container': { never: true },
          '/diagnostics': { never: true },
          '/inference_geo': { never: true },
          '/mcp_servers': { never: true },
          '/service_tier': { in: ['standard_only'], optional: true },
          '/speed': { in: ['standard'], optional: true },
          '/tools': { each: { fields: { '/type': { in: ['custom'], optional: true } } }, optional: true },
        },
      },
    ],
    refuse: { type: 'error', error: { type: '{error.code}', message: '{error.detail}' } },
  },
  verify: {
    method: 'GET',
    path: '/v1/models',
    query: { limit: 1 },
    headers: { 'x-api-key': '{secrets.apiKey}', 'anthropic-version': '2023-06-01' },
  },
  docs: { hook: '`baseURL`, and `apiKey`, a function', withdrawal: 'a block: the broker checks each call' },
} as const satisfies ProxyRecipeInput;
