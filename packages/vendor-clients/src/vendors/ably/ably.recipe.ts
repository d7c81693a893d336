import type { RecipeInput } from '../../recipe/recipe-schema.ts';

export const ablyRecipe = {
  id: 'ably',
  title: 'Ably',
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
  steps: [
    { set: { capability: '{parameters.capability | canonical-json}' } },
    {
      as: 'mac',
      sign: {
        hmac: 'sha256',
        key: '{secrets.keySecret}',
        message: '{options.keyName}\n{life | milliseconds}\n{capability}\n{user.id}\n{now | milliseconds}\n{uuid}\n',
        encoding: 'base64',
      },
    },
    {
      set: {
        request: {
          keyName: '{options.keyName}',
          ttl: '{life | milliseconds}',
          capability: '{capability}',
          clientId: '{user.id}',
          timestamp: '{now | milliseconds}',
          nonce: '{uuid}',
          mac: '{mac}',
        },
      },
    },
  ],
  answer: {
    token: { token_request: '{request | json}' },
    details: { client_id: '{user.id}' },
    expiry: 'asked',
  },
  endpoint: { methods: ['GET', 'POST'], respond: { body: '{token.token_request}' } },
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
  docs: { hook: '`authUrl` or `authCallback`', withdrawal: 'the broker when it blocks the user, if the key allows it' },
} as const satisfies RecipeInput;
