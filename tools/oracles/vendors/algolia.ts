import { algoliasearch } from 'algoliasearch';
import { defineOracle, type CaseInput } from '../define-oracle.ts';
import { hostileText, nowSeconds } from '../sample-values.ts';

interface AlgoliaCase extends CaseInput {
  readonly lifeSeconds: number;
  readonly secrets: { readonly parentApiKey: string };
  readonly parameters: {
    readonly filters?: string;
    readonly restrict_indices: string[];
    readonly restrict_sources?: string;
    readonly hits_per_page?: number;
  };
}

const given = {
  nowSeconds,
  lifeSeconds: 600,
  secrets: { parentApiKey: 'sample-parent-api-key' },
  options: {},
  userId: 'alice',
};

export const products = [
  defineOracle<AlgoliaCase>({
    product: 'algolia',
    package: 'algoliasearch',
    cases: [
      { ...given, title: 'a key of one user', parameters: { restrict_indices: ['orders'] } },
      {
        ...given,
        title: 'a key with filters, indices, a network and a number of hits',
        lifeSeconds: 3600,
        parameters: {
          filters: 'visible_by:alice OR public:true',
          restrict_indices: ['orders', 'dev_*'],
          restrict_sources: '192.0.2.0/24',
          hits_per_page: 20,
        },
      },
      {
        ...given,
        title: 'a key with hostile text as user, filter and index',
        userId: hostileText,
        parameters: { filters: hostileText, restrict_indices: [hostileText, 'orders'] },
      },
    ],
    record: ({ nowSeconds, lifeSeconds, secrets, userId, parameters }) => {
      const { filters, restrict_indices, restrict_sources, hits_per_page } = parameters;
      const client = algoliasearch('sample-app', 'sample-api-key');
      const restrictions = {
        ...(filters === undefined ? {} : { filters }),
        restrictIndices: restrict_indices,
        ...(restrict_sources === undefined ? {} : { restrictSources: restrict_sources }),
        searchParams: hits_per_page === undefined ? {} : { hitsPerPage: hits_per_page },
        userToken: userId,
        validUntil: nowSeconds + lifeSeconds,
      };
      return { text: client.generateSecuredApiKey({ ...secrets, restrictions }) };
    },
  }),
];
