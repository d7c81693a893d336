import type { RecipeInput } from '../../recipe/recipe-schema.ts';

export const twilioVoiceRecipe = {
  id: 'twilio-voice',
  title: 'Twilio Voice',
  secrets: { apiKeySecret: { description: 'The secret of the API key.' } },
  options: {
    accountSid: { description: 'The SID of the account, which begins with `AC`.' },
    apiKeySid: { description: 'The SID of the API key, which begins with `SK`.' },
    region: { description: 'The region of the API key, such as `ie1`. Absent: the United States.', optional: true },
    outgoingApplicationSid: {
      description:
        'The SID of the TwiML app that handles calls of the user, which begins with `AP`. Absent: the user cannot call.',
      optional: true,
    },
    pushCredentialSid: { description: 'The SID of the push credential, which begins with `CR`.', optional: true },
  },
  parameters: {
    incoming_allow: {
      description: 'Whether the user can be called.',
      type: 'flag',
      from: 'policy',
      optional: true,
    },
    outgoing_application_params: {
      description: 'Texts, by name, that Twilio sends to the TwiML app with each call of the user.',
      type: 'json',
      from: 'policy',
      optional: true,
    },
  },
  subject: { characters: 'A-Za-z0-9_', max: 121, otherwise: 'hash' },
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
            voice: {
              incoming: { allow: '{parameters.incoming_allow}' },
              outgoing: {
                application_sid: '{options.outgoingApplicationSid}',
                params: '{parameters.outgoing_application_params}',
              },
              push_credential_sid: '{options.pushCredentialSid}',
            },
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
  docs: { hook: '`tokenWillExpire`, then `updateToken`', withdrawal: 'nothing: it ends by its expiry' },
} as const satisfies RecipeInput;
