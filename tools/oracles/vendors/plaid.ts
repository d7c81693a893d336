import {
  Configuration,
  PlaidApi,
  PlaidEnvironments,
  type CountryCode,
  type LinkTokenCreateRequest,
  type Products,
} from 'plaid';
import { defineOracle, type CaseInput } from '../define-oracle.ts';
import { hostileText, nowSeconds } from '../sample-values.ts';
import { recordRequest } from '../simulator.ts';

interface PlaidCase extends CaseInput {
  readonly secrets: { readonly secret: string };
  readonly options: {
    readonly clientId: string;
    readonly environment: 'sandbox' | 'production';
    readonly clientName: string;
    readonly redirectUri?: string;
    readonly androidPackageName?: string;
    readonly webhook?: string;
  };
  readonly parameters: {
    readonly language: string;
    readonly country_codes: `${CountryCode}`[];
    readonly products: `${Products}`[];
  };
}

const options = { clientId: 'sample-client-id', environment: 'sandbox', clientName: 'Sample App' } as const;
const given = { nowSeconds, secrets: { secret: 'sample-secret' }, options, userId: 'alice' };

export const products = [
  defineOracle<PlaidCase>({
    product: 'plaid-link',
    package: 'plaid',
    cases: [
      {
        ...given,
        title: 'a link token for one product',
        parameters: { language: 'en', country_codes: ['US'], products: ['auth'] },
      },
      {
        ...given,
        title: 'a link token for several products and countries, with a webhook and apps',
        options: {
          ...options,
          environment: 'production',
          redirectUri: 'https://app.example/oauth?from=plaid',
          androidPackageName: 'example.app',
          webhook: 'https://app.example/plaid/webhook',
        },
        parameters: { language: 'fr', country_codes: ['US', 'CA'], products: ['transactions', 'auth'] },
      },
      {
        ...given,
        title: 'a link token with hostile text as user and as name',
        options: { ...options, clientName: hostileText },
        userId: hostileText,
        parameters: { language: 'es', country_codes: ['GB'], products: ['transactions'] },
      },
    ],
    record: ({ secrets, options, userId, parameters }) => {
      const { environment, redirectUri, androidPackageName, webhook } = options;
      const body: LinkTokenCreateRequest = {
        user: { client_user_id: userId },
        client_name: options.clientName,
        products: parameters.products as Products[],
        country_codes: parameters.country_codes as CountryCode[],
        language: parameters.language,
        ...(webhook === undefined ? {} : { webhook }),
        ...(redirectUri === undefined ? {} : { redirect_uri: redirectUri }),
        ...(androidPackageName === undefined ? {} : { android_package_name: androidPackageName }),
      };
      return recordRequest({
        headers: ['content-type', 'plaid-client-id', 'plaid-secret', 'plaid-version'],
        response: {
          link_token: 'sample-link-token',
          expiration: new Date((nowSeconds + 4 * 3600) * 1000).toISOString(),
          request_id: 'sample-request',
        },
        send: () => {
          const headers = { 'PLAID-CLIENT-ID': options.clientId, 'PLAID-SECRET': secrets.secret };
          const { [environment]: basePath = '' } = PlaidEnvironments;
          return new PlaidApi(new Configuration({ basePath, baseOptions: { headers } })).linkTokenCreate(body);
        },
      });
    },
  }),
];
