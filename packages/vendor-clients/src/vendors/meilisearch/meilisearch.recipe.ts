import type { RecipeInput } from '../../recipe/recipe-schema.ts';

export const meilisearchRecipe = {
  id: 'meilisearch',
  title: 'Meilisearch',
  secrets: { apiKey: { description: 'An API key with the only action `search`. Never the master key.' } },
  options: {
    apiKeyUid: {
      description: 'The `uid` of the API key.',
      characters: 'A-Fa-f0-9-',
      example: '00000000-0000-4000-8000-000000000000',
    },
  },
  parameters: {
    search_rules: {
      description:
        'The indexes that the user may search, such as `{ "orders": { "filter": "owner = \\"{claim:sub}\\"" } }`.',
      type: 'json',
      from: 'policy',
      example: { sample: {} },
    },
  },
  binding: 'account',
  keep: 'never',
  life: { default: 600, max: 86_400 },
  steps: [
    {
      as: 'token',
      jwt: {
        header: { alg: 'HS256', typ: 'JWT' },
        claims: { searchRules: '{parameters.search_rules}', apiKeyUid: '{options.apiKeyUid}', exp: '{expiry}' },
        key: '{secrets.apiKey}',
      },
    },
  ],
  answer: { token: { token: '{token}' }, expiry: 'asked' },
  docs: { hook: 'the key as a value; a new client after its expiry', withdrawal: 'deleting the API key, for everyone' },
} as const satisfies RecipeInput;
