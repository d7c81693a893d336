import type { ProxyRecipeInput } from '../../recipe/index.ts';

export const geminiProxyRecipe = {
  id: 'gemini-proxy',
  title: 'Gemini',
  secrets: { apiKey: { description: 'An API key of Google AI Studio that is restricted to the Gemini API.' } },
  options: {
    models: {
      description: 'The models that callers may use, as their names stand in the path, such as `gemini-3.5-flash`.',
      type: 'list',
      characters: 'A-Za-z0-9._-',
      max: 100,
    },
    maxOutputTokens: {
      description:
        'The most tokens that one response may have. A request must then state a limit itself. Absent: no limit.',
      type: 'number',
      optional: true,
    },
  },
  baseUrl: 'https://generativelanguage.googleapis.com',
  proxy: {
    carriers: [{ header: 'x-goog-api-key' }],
    inject: { 'x-goog-api-key': '{secrets.apiKey}' },
    calls: [
      {
        method: 'POST',
        paths: [
          '/v1/models/{options.models}:generateContent',
          '/v1/models/{options.models}:streamGenerateContent',
          '/v1beta/models/{options.models}:generateContent',
          '/v1beta/models/{options.models}:streamGenerateContent',
        ],
        query: { alt: { in: ['sse'], optional: true } },
        body: {
          '/cachedContent': { never: true },
          '/generationConfig/candidateCount': { max: 1, optional: true },
          '/generationConfig/maxOutputTokens': { max: '{options.maxOutputTokens}' },
          '/generationConfig/modelConfig': { never: true },
          '/generationConfig/routingConfig': { never: true },
          '/generationOutputConfig': { never: true },
          '/model': { never: true },
          '/serviceTier': { in: ['unspecified', 'standard', 'flex'], optional: true },
          '/store': { in: [false], optional: true },
          '/tools': { each: { only: ['functionDeclarations'] }, optional: true },
        },
      },
    ],
    refuse: { error: { code: '{error.status}', message: '{error.detail}', status: '{error.code}' } },
  },
  errors: [
    {
      status: 400,
      code: 'vendor_auth_failed',
      detail: 'Gemini refused the configured API key.',
      advice: 'Check `apiKey`, and that it may use the Gemini API.',
      when: { 'error.details.0.reason': 'API_KEY_INVALID' },
    },
  ],
  verify: {
    method: 'GET',
    path: '/v1beta/models',
    query: { pageSize: 1 },
    headers: { 'x-goog-api-key': '{secrets.apiKey}' },
  },
  docs: { hook: '`httpOptions.baseUrl`, and `apiKey`, a text', withdrawal: 'a block: the broker checks each call' },
} as const satisfies ProxyRecipeInput;
