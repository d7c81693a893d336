import type { RecipeInput } from '../../recipe/recipe-schema.ts';

export const supabaseEs256Recipe = {
  id: 'supabase-es256',
  title: 'Supabase (ES256)',
  secrets: {
    privateKey: {
      description: 'The private EC key (P-256, in PEM) that was imported into the project as a signing key.',
      type: 'p256-private-key',
    },
  },
  options: {
    keyId: { description: 'The id (`kid`) of the signing key.' },
    issuer: {
      description: 'The issuer of the tokens: `https://<project>.supabase.co/auth/v1`.',
      optional: true,
    },
  },
  parameters: {
    app_metadata: {
      description: 'What the policies of the database read of `auth.jwt()` under `app_metadata`.',
      type: 'json',
      from: 'policy',
      optional: true,
    },
  },
  subject: { characters: 'A-Za-z0-9_.@:|+-', max: 255, otherwise: 'refuse' },
  binding: 'user',
  keep: 'never',
  life: { default: 600, min: 60, max: 86_400 },
  steps: [
    {
      as: 'token',
      jwt: {
        header: { alg: 'ES256', kid: '{options.keyId}', typ: 'JWT' },
        claims: {
          // Fixed: a token of `service_role` passes every policy of the database.
          role: 'authenticated',
          aud: 'authenticated',
          sub: '{user.id}',
          app_metadata: '{parameters.app_metadata}',
          iat: '{now}',
          exp: '{expiry}',
          iss: '{options.issuer}',
        },
        key: '{secrets.privateKey}',
      },
    },
  ],
  answer: { token: { access_token: '{token}' }, expiry: 'asked' },
  docs: { hook: '`accessToken`, a function', withdrawal: 'nothing: it ends by its expiry' },
} as const satisfies RecipeInput;
