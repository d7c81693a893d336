import type { RecipeInput } from '../../recipe/index.ts';

export const plaidLinkRecipe = {
  id: 'plaid-link',
  title: 'Plaid Link',
  secrets: { secret: { description: 'The secret of the environment in the Plaid dashboard.' } },
  options: {
    clientId: { description: 'The client id of the Plaid dashboard.', characters: 'A-Za-z0-9_-' },
    environment: { description: 'The environment of Plaid.', values: ['sandbox', 'production'] },
    clientName: { description: 'The name of the app that Link shows, of at most 30 characters.' },
    redirectUri: {
      description: 'The redirect URI for banks that use OAuth, as registered in the Plaid dashboard.',
      optional: true,
    },
    androidPackageName: {
      description: 'The package of the Android app, as registered in the Plaid dashboard.',
      characters: 'A-Za-z0-9_.',
      optional: true,
    },
    webhook: { description: 'The URL to which Plaid sends events of the linked accounts.', optional: true },
  },
  baseUrl: 'https://{options.environment}.plaid.com',
  parameters: {
    products: {
      description: 'The products that the linked accounts must support.',
      type: 'list',
      characters: 'a-z_',
      from: 'policy',
      example: ['transactions'],
    },
    country_codes: {
      description: 'The countries whose banks Link shows, such as `US`.',
      type: 'list',
      characters: 'A-Z',
      from: 'policy',
      example: ['US'],
    },
    language: {
      description: 'The language of Link.',
      values: ['da', 'nl', 'en', 'et', 'fr', 'de', 'hi', 'it', 'lv', 'lt', 'no', 'pl', 'pt', 'ro', 'es', 'sv', 'vi'],
      from: 'policy',
      default: 'en',
    },
  },
  subject: { characters: 'printable', max: 255, otherwise: 'refuse' },
  binding: 'user',
  keep: 'never',
  steps: [
    {
      as: 'mint',
      http: {
        method: 'POST',
        path: '/link/token/create',
        headers: {
          'plaid-client-id': '{options.clientId}',
          'plaid-secret': '{secrets.secret}',
          'plaid-version': '2020-09-14',
        },
        json: {
          user: { client_user_id: '{user.id}' },
          client_name: '{options.clientName}',
          products: '{parameters.products}',
          country_codes: '{parameters.country_codes}',
          language: '{parameters.language}',
          webhook: '{options.webhook}',
          redirect_uri: '{options.redirectUri}',
          android_package_name: '{options.androidPackageName}',
        },
      },
    },
  ],
  answer: { token: { link_token: '{mint.link_token}' }, expiry: { at: '{mint.expiration}' }, uses: 'once' },
  errors: [
    {
      status: 400,
      when: { error_code: 'INVALID_API_KEYS' },
      code: 'vendor_auth_failed',
      detail: 'Plaid refused the configured credentials.',
      advice: 'Check `clientId` and `secret`: each environment has a secret of its own.',
    },
    {
      status: 400,
      when: { error_code: 'UNAUTHORIZED_ENVIRONMENT' },
      code: 'vendor_auth_failed',
      detail: 'The Plaid team may not use the configured environment.',
      advice: 'Check `environment`, and whether Plaid has granted your team access to it.',
    },
    {
      status: 400,
      when: { error_code: 'INVALID_PRODUCT' },
      code: 'vendor_rejected',
      detail: 'The Plaid team may not use one of the configured products.',
      advice: 'Check `set.products` against the products that are enabled in the Plaid dashboard.',
    },
    {
      status: 400,
      when: { error_code: 'INVALID_FIELD' },
      code: 'vendor_rejected',
      detail: 'Plaid did not accept a configured value.',
      advice: 'Check `set`, and that `redirectUri` and `androidPackageName` are registered in the Plaid dashboard.',
    },
  ],
  verify: {
    method: 'POST',
    path: '/link/token/get',
    headers: {
      'plaid-client-id': '{options.clientId}',
      'plaid-secret': '{secrets.secret}',
      'plaid-version': '2020-09-14',
    },
    json: { link_token: 'link-{options.environment}-00000000-0000-0000-0000-000000000000' },
    refusal: { status: 400, when: { error_code: 'INVALID_LINK_TOKEN' } },
    repeatable: true,
  },
  sample: {
    mint: {
      link_token: 'sample-link-token',
      expiration: '2100-01-01T00:00:00Z',
      request_id: 'sample-request',
    },
  },
  docs: { hook: '`usePlaidLink({ token })`', withdrawal: 'nothing: it ends by its expiry' },
} as const satisfies RecipeInput;
