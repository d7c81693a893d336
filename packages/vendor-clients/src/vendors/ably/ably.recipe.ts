import type { RecipeInput } from '../../recipe/recipe-schema.ts';
import { ablyKey } from './ably-key.recipe-parts.ts';

export const ablyRecipe = {
  id: 'ably',
  title: 'Ably',
  ...ablyKey,
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
  docs: { hook: '`authUrl` or `authCallback`', withdrawal: 'the broker when it blocks the user, if the key allows it' },
} as const satisfies RecipeInput;
