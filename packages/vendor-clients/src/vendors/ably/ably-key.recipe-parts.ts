// What both forms of a token of Ably share: the key that signs them, and the user whom they name.
import type { RecipeInput } from '../../recipe/recipe-schema.ts';

export const ablyKey = {
  secrets: { keySecret: { description: 'The secret of the API key: what follows the colon.' } },
  baseUrl: 'https://rest.ably.io',
  options: {
    keyName: {
      description: 'The name of the API key: what precedes the colon.',
      characters: 'A-Za-z0-9_.-',
    },
  },
  parameters: {
    capability: {
      description:
        'The operations that the user may use, by channel, such as `{ "room:{user}": ["subscribe"] }`. Ably allows no more than the key itself may.',
      type: 'json',
      from: 'policy',
      example: { 'sample:*': ['subscribe'] },
    },
  },
  subject: { characters: 'A-Za-z0-9_.@|+-', max: 128, otherwise: 'hash' },
  binding: 'user',
  keep: 'never',
  life: { default: 3600, max: 86_400 },
  revoke: {
    set: { credentials: '{options.keyName}:{secrets.keySecret}' },
    http: {
      method: 'POST',
      path: '/keys/{options.keyName}/revokeTokens',
      headers: { authorization: 'Basic {credentials | base64}', 'x-ably-version': '6' },
      json: { targets: ['clientId:{user.id}'] },
      expected: [200, 201],
    },
  },
} as const satisfies Partial<RecipeInput>;
