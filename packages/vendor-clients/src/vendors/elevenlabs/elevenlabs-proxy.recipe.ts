import type { ProxyRecipeInput } from '../../recipe/index.ts';

export const elevenlabsProxyRecipe = {
  id: 'elevenlabs-proxy',
  title: 'ElevenLabs API',
  secrets: { apiKey: { description: 'An API key of ElevenLabs that may only use Text to Speech.' } },
  options: {
    models: {
      description: 'The models that callers may use, such as `eleven_multilingual_v2`.',
      type: 'list',
      characters: 'A-Za-z0-9._-',
      max: 100,
    },
    voices: {
      description: 'The ids of the voices that callers may use.',
      type: 'list',
      characters: 'A-Za-z0-9_-',
      max: 100,
    },
    maxCharacters: {
      description: 'The most characters of a text, which ElevenLabs charges for. Absent: no limit.',
      type: 'number',
      optional: true,
    },
  },
  baseUrl: 'https://api.elevenlabs.io',
  proxy: {
    carriers: [{ header: 'xi-api-key' }],
    inject: { 'xi-api-key': '{secrets.apiKey}' },
    calls: [
      {
        method: 'POST',
        paths: [
          '/v1/text-to-speech/{options.voices}',
          '/v1/text-to-speech/{options.voices}/stream',
          '/v1/text-to-speech/{options.voices}/with-timestamps',
          '/v1/text-to-speech/{options.voices}/stream/with-timestamps',
        ],
        query: { enable_logging: { in: ['true', 'false'], optional: true } },
        freeQuery: ['optimize_streaming_latency', 'output_format'],
        body: { '/model_id': { in: '{options.models}' }, '/text': { maxLength: '{options.maxCharacters}' } },
      },
    ],
    refuse: { detail: { status: '{error.code}', message: '{error.detail}' } },
  },
  errors: [
    {
      status: 401,
      code: 'vendor_rejected',
      detail: 'The ElevenLabs account has no credits left.',
      when: { 'detail.status': 'quota_exceeded' },
    },
  ],
  verify: { method: 'GET', path: '/v1/models', headers: { 'xi-api-key': '{secrets.apiKey}' } },
  docs: { hook: '`baseUrl`, and `apiKey`, a function', withdrawal: 'a block: the broker checks each call' },
} as const satisfies ProxyRecipeInput;
