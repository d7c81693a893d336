import { Client } from 'typesense';
import { defineOracle, type CaseInput } from '../define-oracle.ts';
import { hostileText, nowSeconds } from '../sample-values.ts';

interface TypesenseCase extends CaseInput {
  readonly lifeSeconds: number;
  readonly secrets: { readonly searchKey: string };
  readonly parameters: {
    readonly filter_by: string;
    readonly include_fields?: string[];
    readonly exclude_fields?: string[];
    readonly limit_multi_searches?: number;
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
      { ...given, title: 'a key with a filter', parameters: { filter_by: 'owner:=alice' } },
      {
        ...given,
        title: 'a key with a filter, fields and a limit of searches',
        lifeSeconds: 3600,
        parameters: {
          filter_by: 'owner:=alice && public:true',
          include_fields: ['title', 'body'],
          exclude_fields: ['price'],
          limit_multi_searches: 5,
        },
      },
      { ...given, title: 'a key whose filter is hostile text', parameters: { filter_by: hostileText } },
    ],
    record: ({ nowSeconds, lifeSeconds, secrets, parameters }) => {
      const { filter_by, include_fields, exclude_fields, limit_multi_searches } = parameters;
      const client = new Client({
        nodes: [{ host: '127.0.0.1', port: 1, protocol: 'http' }],
        apiKey: 'sample-api-key',
      });
      const text = client.keys().generateScopedSearchKey(secrets.searchKey, {
        filter_by,
        ...(include_fields === undefined ? {} : { include_fields }),
        ...(exclude_fields === undefined ? {} : { exclude_fields }),
        ...(limit_multi_searches === undefined ? {} : { limit_multi_searches }),
        expires_at: nowSeconds + lifeSeconds,
      });
      return { text };
    },
  }),
];
