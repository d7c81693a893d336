import type { RecipeInput } from '../../recipe/recipe-schema.ts';

export const ablyJwtRecipe = {
  id: 'ably-jwt',
  title: 'Ably JWT',
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
    {
      as: 'token',
      jwt: {
        header: { typ: 'JWT', alg: 'HS256', kid: '{options.keyName}' },
        claims: {
          iat: '{now}',
          exp: '{expiry}',
          'x-ably-capability': '{parameters.capability | canonical-json}',
          'x-ably-clientId': '{user.id}',
        },
        key: '{secrets.keySecret}',
      },
    },
  ],
  answer: { token: { token: '{token}' }, details: { client_id: '{user.id}' }, expiry: 'asked' },
  endpoint: { methods: ['GET', 'POST'], respond: { type: 'text/plain', body: '{token.token}' } },
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
  docs: { hook: '`authCallback`', withdrawal: 'the broker when it blocks the user, if the key allows it' },
} as const satisfies RecipeInput;
