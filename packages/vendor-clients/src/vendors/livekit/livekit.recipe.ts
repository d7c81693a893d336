import type { RecipeInput } from '../../recipe/recipe-schema.ts';

export const livekitRecipe = {
  id: 'livekit',
  title: 'LiveKit',
  secrets: { apiSecret: { description: 'The secret of the API key.' } },
  options: {
    apiKey: { description: 'The API key, to which `apiSecret` belongs.' },
    serverUrl: {
      description: 'The WebSocket URL of the LiveKit server, which the app receives as `server_url`.',
      optional: true,
    },
  },
  parameters: {
    room: { description: 'The room that the user joins.', from: 'caller', authorize: true, max: 256 },
    can_publish: { description: 'Whether the user may publish audio and video.', type: 'flag', from: 'policy' },
    can_publish_sources: {
      description: 'The only sources that the user may publish. They replace `can_publish`.',
      type: 'list',
      values: ['camera', 'microphone', 'screen_share', 'screen_share_audio'],
      from: 'policy',
      optional: true,
      widens: true,
    },
    can_subscribe: {
      description: 'Whether the user receives the audio and video of others.',
      type: 'flag',
      from: 'policy',
      default: true,
      widens: true,
    },
    can_publish_data: {
      description: 'Whether the user may send data messages, such as chat.',
      type: 'flag',
      from: 'policy',
      default: false,
    },
    name: { description: 'The shown name of the user.', from: 'policy', optional: true },
    metadata: {
      description: 'A text about the user that every participant receives.',
      from: 'policy',
      optional: true,
      max: 4096,
    },
    attributes: {
      description: 'Texts about the user, by name, that every participant receives.',
      type: 'json',
      from: 'policy',
      optional: true,
    },
  },
  subject: { characters: 'printable', max: 255, otherwise: 'hash' },
  binding: 'user',
  keep: 'never',
  life: { default: 600, max: 86_400 },
  steps: [
    {
      as: 'token',
      jwt: {
        header: { alg: 'HS256' },
        claims: {
          metadata: '{parameters.metadata}',
          attributes: '{parameters.attributes}',
          name: '{parameters.name}',
          video: {
            roomJoin: true,
            room: '{parameters.room}',
            canPublish: '{parameters.can_publish}',
            canSubscribe: '{parameters.can_subscribe}',
            canPublishData: '{parameters.can_publish_data}',
            canPublishSources: '{parameters.can_publish_sources}',
          },
          iss: '{options.apiKey}',
          exp: '{expiry}',
          nbf: '{now}',
          sub: '{user.id}',
        },
        key: '{secrets.apiSecret}',
      },
    },
  ],
  answer: {
    token: { participant_token: '{token}' },
    details: { server_url: '{options.serverUrl}', room: '{parameters.room}' },
    expiry: 'asked',
  },
  endpoint: {
    parameters: { room: 'room_name' },
    respond: {
      status: 201,
      body: { server_url: '{token.server_url}', participant_token: '{token.participant_token}' },
    },
  },
  docs: {
    hook: '`TokenSource.endpoint` or `TokenSource.custom`',
    withdrawal: '`removeParticipant(room, identity)` at LiveKit',
  },
} as const satisfies RecipeInput;
