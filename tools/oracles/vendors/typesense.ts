import { Client } from 'typesense';
import { defineOracle, type CaseInput } from '../define-oracle.ts';
import { hostileText, nowSeconds } from '../sample-values.ts';

interface TypesenseCase extends CaseInput {
  readonly lifeSeconds: number;
  readonly secrets: { readonly searchKey: string };
  readonly parameters: {
    readonly filterBy: string;
    readonly includeFields?: string[];
    readonly excludeFields?: string[];
    readonly limitMultiSearches?: number;
  };
}

const given = {
  nowSeconds,
  lifeSeconds: 600,
  secrets: { searchKey: 'sample-search-key' },
  options: {},
  userId: 'alice',
};

export const products = [
  defineOracle<TypesenseCase>({
    product: 'typesense',
    package: 'typesense',
    cases: [
      { ...given, title: 'a key with a filter', parameters: { filterBy: 'owner:=alice' } },
      {
        ...given,
        title: 'a key with a filter, fields and a limit of searches',
        lifeSeconds: 3600,
        parameters: {
          filterBy: 'owner:=alice && public:true',
          includeFields: ['title', 'body'],
          excludeFields: ['price'],
          limitMultiSearches: 5,
        },
      },
      { ...given, title: 'a key whose filter is hostile text', parameters: { filterBy: hostileText } },
    ],
    record: ({ nowSeconds, lifeSeconds, secrets, parameters }) => {
      const { filterBy, includeFields, excludeFields, limitMultiSearches } = parameters;
      const client = new Client({
        nodes: [{ host: '127.0.0.1', port: 1, protocol: 'http' }],
        apiKey: 'sample-api-key',
      });
      const text = client.keys().generateScopedSearchKey(secrets.searchKey, {
        filter_by: filterBy,
        ...(includeFields === undefined ? {} : { include_fields: includeFields }),
        ...(excludeFields === undefined ? {} : { exclude_fields: excludeFields }),
        ...(limitMultiSearches === undefined ? {} : { limit_multi_searches: limitMultiSearches }),
        expires_at: nowSeconds + lifeSeconds,
      });
      return { text };
    },
  }),
];
