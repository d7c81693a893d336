import type { RecipeInput } from '../../recipe/recipe-schema.ts';

export const twilioSyncRecipe = {
  id: 'twilio-sync',
  title: 'Twilio Sync',
  secrets: { apiKeySecret: { description: 'The secret of the API key.' } },
  options: {
    accountSid: { description: 'The SID of the account, which begins with `AC`.' },
    apiKeySid: { description: 'The SID of the API key, which begins with `SK`.' },
    region: { description: 'The region of the API key, such as `ie1`. Absent: the United States.', optional: true },
    serviceSid: { description: 'The SID of the Sync service, which begins with `IS`.' },
  },
  subject: { characters: 'printable', max: 255, otherwise: 'hash' },
  binding: 'user',
  keep: 'never',
  life: { default: 3600, max: 86_400 },
  steps: [
    {
      as: 'token',
      jwt: {
        header: { alg: 'HS256', typ: 'JWT', cty: 'twilio-fpa;v=1', twr: '{options.region}' },
        claims: {
          jti: '{options.apiKeySid}-{now}',
          grants: {
            identity: '{user.id}',
            data_sync: { service_sid: '{options.serviceSid}' },
          },
          iat: '{now}',
          exp: '{expiry}',
          iss: '{options.apiKeySid}',
          sub: '{options.accountSid}',
        },
        key: '{secrets.apiKeySecret}',
      },
    },
  ],
  answer: { token: { token: '{token}' }, details: { identity: '{user.id}' }, expiry: 'asked' },
  docs: { hook: '`tokenAboutToExpire`, then `updateToken`', withdrawal: 'nothing: it ends by its expiry' },
} as const satisfies RecipeInput;
