import type { RecipeInput } from '../../recipe/recipe-schema.ts';

export const typesenseRecipe = {
  id: 'typesense',
  title: 'Typesense',
  secrets: {
    searchKey: { description: 'An API key with the only action `documents:search`, from which keys are derived.' },
  },
  parameters: {
    filter_by: {
      description: 'A filter of every search, such as `owner:={claim:sub}`.',
      from: 'policy',
      max: 4000,
      example: 'public:=true',
    },
    include_fields: {
      description: 'The only fields of the results.',
      type: 'list',
      characters: 'A-Za-z0-9_.*-',
      from: 'policy',
      optional: true,
      widens: true,
    },
    exclude_fields: {
      description: 'The fields that the results do not have.',
      type: 'list',
      characters: 'A-Za-z0-9_.*-',
      from: 'policy',
      optional: true,
      widens: true,
    },
    limit_multi_searches: {
      description: 'The most searches in one request.',
      type: 'number',
      min: 1,
      max: 1000,
      from: 'policy',
      optional: true,
      widens: true,
    },
  },
  binding: 'account',
  keep: 'never',
  life: { default: 600, max: 86_400 },
  steps: [
    {
      set: {
        restrictions: {
          filter_by: '{parameters.filter_by}',
          include_fields: '{parameters.include_fields | join(,)}',
          exclude_fields: '{parameters.exclude_fields | join(,)}',
          limit_multi_searches: '{parameters.limit_multi_searches}',
          expires_at: '{expiry}',
        },
      },
    },
    {
      as: 'signature',
      sign: { hmac: 'sha256', key: '{secrets.searchKey}', message: '{restrictions | json}', encoding: 'base64' },
    },
    { set: { key: '{signature}{secrets.searchKey | prefix(4)}{restrictions | json}' } },
  ],
  answer: { token: { api_key: '{key | base64}' }, expiry: 'asked' },
  docs: {
    hook: 'the key as a value; a new client after its expiry',
    withdrawal: 'deleting the parent key, for everyone',
  },
} as const satisfies RecipeInput;
