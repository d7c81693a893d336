import type { RecipeInput } from '../../recipe/recipe-schema.ts';

export const pusherChannelRecipe = {
  id: 'pusher-channel',
  title: 'Pusher Channels',
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
      example: 'private-sample',
    },
  },
  binding: 'account',
  keep: 'never',
  steps: [
    {
      as: 'signature',
      sign: {
        hmac: 'sha256',
        key: '{secrets.secret}',
        message: '{parameters.socket_id}:{parameters.channel_name}',
        encoding: 'hex',
      },
    },
    { set: { auth: '{options.key}:{signature}' } },
  ],
  answer: { token: { auth: '{auth}' }, expiry: 'unknown' },
  endpoint: {
    parameters: { socket_id: 'socket_id', channel_name: 'channel_name' },
    respond: { body: { auth: '{token.auth}' } },
  },
  docs: { hook: '`channelAuthorization`', withdrawal: 'nothing: it is for one connection' },
} as const satisfies RecipeInput;
