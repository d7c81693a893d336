import type { RecipeInput } from '../../recipe/recipe-schema.ts';

export const firebaseRecipe = {
  id: 'firebase',
  title: 'Firebase',
  secrets: {
    privateKey: {
      description: 'The private RSA key (in PEM) of the service account: `private_key` of its JSON file.',
      type: 'rsa-private-key',
    },
  },
  options: {
    clientEmail: {
      description: 'The email of the service account: `client_email` of its JSON file.',
      example: 'sample@sample.iam.gserviceaccount.com',
    },
    tenantId: { description: 'The tenant of Identity Platform in which the user signs in.', optional: true },
  },
  parameters: {
    claims: {
      description: 'The claims of the user’s ID tokens, at most 1000 characters of JSON.',
      type: 'json',
      from: 'policy',
      optional: true,
    },
  },
  subject: { characters: 'printable', max: 128, otherwise: 'hash' },
  binding: 'user',
  keep: 'never',
  life: { default: 3600, max: 3600 },
  steps: [
    {
      as: 'token',
      jwt: {
        header: { alg: 'RS256', typ: 'JWT' },
        claims: {
          aud: 'https://identitytoolkit.googleapis.com/google.identity.identitytoolkit.v1.IdentityToolkit',
          iat: '{now}',
          exp: '{expiry}',
          iss: '{options.clientEmail}',
          sub: '{options.clientEmail}',
          uid: '{user.id}',
          tenant_id: '{options.tenantId}',
          claims: '{parameters.claims}',
        },
        key: '{secrets.privateKey}',
      },
    },
  ],
  answer: { token: { custom_token: '{token}' }, details: { uid: '{user.id}' }, expiry: 'asked' },
  docs: { hook: '`signInWithCustomToken`, once', withdrawal: '`revokeRefreshTokens(uid)` of Firebase Admin' },
} as const satisfies RecipeInput;
