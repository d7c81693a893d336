import type { RecipeInput } from '../../recipe/recipe-schema.ts';

export const pusherUserRecipe = {
  id: 'pusher-user',
  title: 'Pusher Users',
  secrets: { secret: { description: 'The secret of the app key.' } },
  options: {
    key: { description: 'The app key, to which `secret` belongs.', characters: 'A-Za-z0-9-' },
  },
  parameters: {
    socket_id: {
      description: 'The connection of the app, as Pusher’s client library names it.',
      characters: '0-9.',
      max: 40,
      from: 'caller',
      example: '1234.5678',
    },
    user_info: {
      description: 'What the server receives about the user, as JSON.',
      type: 'json',
      from: 'policy',
      optional: true,
    },
  },
  subject: { characters: 'printable', max: 128, otherwise: 'hash' },
  binding: 'user',
  keep: 'never',
  steps: [
    { set: { userData: { id: '{user.id}', user_info: '{parameters.user_info}' } } },
    {
      as: 'signature',
      sign: {
        hmac: 'sha256',
        key: '{secrets.secret}',
        message: '{parameters.socket_id}::user::{userData | json}',
        encoding: 'hex',
      },
    },
    { set: { auth: '{options.key}:{signature}' } },
  ],
  answer: { token: { auth: '{auth}' }, details: { user_data: '{userData | json}' }, expiry: 'unknown' },
  endpoint: {
    parameters: { socket_id: 'socket_id' },
    respond: { body: { auth: '{token.auth}', user_data: '{token.user_data}' } },
  },
  docs: { hook: '`userAuthentication`', withdrawal: '`terminateUserConnections(userId)` at Pusher' },
} as const satisfies RecipeInput;
