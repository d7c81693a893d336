import { generateTenantToken } from 'meilisearch/token';
import { defineOracle, type CaseInput } from '../define-oracle.ts';
import { splitJwt } from '../jwt-parts.ts';
import { hostileText, nowSeconds } from '../sample-values.ts';

interface MeilisearchCase extends CaseInput {
  readonly lifeSeconds: number;
  readonly secrets: { readonly apiKey: string };
  readonly options: { readonly apiKeyUid: string };
  readonly parameters: { readonly search_rules: string[] | Record<string, { filter: string } | null> };
}

const given = {
  nowSeconds,
  lifeSeconds: 600,
  secrets: { apiKey: 'sample-api-key' },
  options: { apiKeyUid: '00000000-0000-4000-8000-000000000000' },
  userId: 'alice',
};

export const products = [
  defineOracle<MeilisearchCase>({
    product: 'meilisearch',
    package: 'meilisearch',
    cases: [
      { ...given, title: 'a token for a list of indexes', parameters: { search_rules: ['orders', 'notes'] } },
      {
        ...given,
        title: 'a token with a filter for one index and none for another',
        lifeSeconds: 3600,
        parameters: { search_rules: { orders: { filter: 'owner = alice' }, notes: null } },
      },
      {
        ...given,
        title: 'a token with hostile text as index and as filter',
        parameters: { search_rules: { [hostileText]: { filter: hostileText } } },
      },
    ],
    async record({ nowSeconds, lifeSeconds, secrets, options, parameters }) {
      const expiresAt = new Date((nowSeconds + lifeSeconds) * 1000);
      const token = await generateTenantToken({
        ...secrets,
        ...options,
        searchRules: parameters.search_rules,
        expiresAt,
      });
      return { jwt: splitJwt(token, { signature: true }) };
    },
  }),
];
