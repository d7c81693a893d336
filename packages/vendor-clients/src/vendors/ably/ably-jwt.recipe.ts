import type { RecipeInput } from '../../recipe/recipe-schema.ts';
import { ablyKey } from './ably-key.recipe-parts.ts';

export const ablyJwtRecipe = {
  id: 'ably-jwt',
  title: 'Ably JWT',
  ...ablyKey,
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
  docs: { hook: '`authCallback`', withdrawal: 'the broker when it blocks the user, if the key allows it' },
} as const satisfies RecipeInput;
