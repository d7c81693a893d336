import type { RecipeInput } from '../../recipe/recipe-schema.ts';

export const pusherPresenceRecipe = {
  id: 'pusher-presence',
  title: 'Pusher Presence',
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
    channel_name: {
      description: 'The channel to which the app subscribes.',
      characters: 'A-Za-z0-9_=@,.;-',
      max: 164,
      from: 'caller',
      authorize: true,
      example: 'presence-sample',
    },
    user_info: {
      description: 'What the other members of the channel receive about the user, at most 1 KB of JSON.',
      type: 'json',
      from: 'policy',
      optional: true,
    },
  },
  subject: { characters: 'printable', max: 128, otherwise: 'hash' },
  binding: 'user',
  keep: 'never',
  steps: [
    { set: { member: { user_id: '{user.id}', user_info: '{parameters.user_info}' } } },
    {
      as: 'signature',
      sign: {
        hmac: 'sha256',
        key: '{secrets.secret}',
        message: '{parameters.socket_id}:{parameters.channel_name}:{member | json}',
        encoding: 'hex',
      },
    },
    { set: { auth: '{options.key}:{signature}' } },
  ],
  answer: { token: { auth: '{auth}' }, details: { channel_data: '{member | json}' }, expiry: 'unknown' },
  endpoint: {
    parameters: { socket_id: 'socket_id', channel_name: 'channel_name' },
    respond: { body: { auth: '{token.auth}', channel_data: '{token.channel_data}' } },
  },
  docs: { hook: '`channelAuthorization`', withdrawal: 'nothing: it is for one connection' },
} as const satisfies RecipeInput;
