import type { RecipeInput } from '../../recipe/recipe-schema.ts';

export const algoliaRecipe = {
  id: 'algolia',
  title: 'Algolia',
  secrets: { parentApiKey: { description: 'A search-only API key, from which the keys of the users are derived.' } },
  options: {
    appId: { description: 'The id of the application, which the app receives as `app_id`.', optional: true },
  },
  parameters: {
    restrict_indices: {
      description: 'The indices that the user may search. A star at the beginning or the end stands for any text.',
      type: 'list',
      from: 'policy',
      example: ['sample'],
    },
    filters: {
      description: 'A filter of every search, such as `visible_by:{user}`.',
      from: 'policy',
      optional: true,
      max: 4096,
      widens: true,
    },
    hits_per_page: {
      description: 'The number of results of a page.',
      type: 'number',
      min: 1,
      max: 1000,
      from: 'policy',
      optional: true,
      widens: true,
    },
    restrict_sources: {
      description: 'The network from which the key may be used, such as `192.0.2.0/24`.',
      from: 'policy',
      optional: true,
      widens: true,
    },
  },
  subject: { characters: 'A-Za-z0-9_+-', max: 129, otherwise: 'hash' },
  binding: 'user',
  keep: 'never',
  life: { default: 600, max: 86_400 },
  steps: [
    {
      set: {
        restrictions: {
          filters: '{parameters.filters}',
          hitsPerPage: '{parameters.hits_per_page}',
          restrictIndices: '{parameters.restrict_indices}',
          restrictSources: '{parameters.restrict_sources}',
          userToken: '{user.id}',
          validUntil: '{expiry}',
        },
      },
    },
    {
      as: 'signature',
      sign: { hmac: 'sha256', key: '{secrets.parentApiKey}', message: '{restrictions | query}', encoding: 'hex' },
    },
    { set: { key: '{signature}{restrictions | query}' } },
  ],
  answer: {
    token: { api_key: '{key | base64}' },
    details: { app_id: '{options.appId}', user_token: '{user.id}' },
    expiry: 'asked',
  },
  docs: {
    hook: 'the key as a value; a new client after its expiry',
    withdrawal: 'deleting the parent key, for everyone',
  },
} as const satisfies RecipeInput;
