import { algoliasearch } from 'algoliasearch';
import { defineOracle, type CaseInput } from '../define-oracle.ts';
import { hostileText, nowSeconds } from '../sample-values.ts';

interface AlgoliaCase extends CaseInput {
  readonly lifeSeconds: number;
  readonly secrets: { readonly parentApiKey: string };
  readonly parameters: {
    readonly filters?: string;
    readonly restrictIndices?: string[];
    readonly restrictSources?: string;
    readonly hitsPerPage?: number;
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
      { ...given, title: 'a key of one user', parameters: {} },
      {
        ...given,
        title: 'a key with filters, indices, a network and a number of hits',
        lifeSeconds: 3600,
        parameters: {
          filters: 'visible_by:alice OR public:true',
          restrictIndices: ['orders', 'dev_*'],
          restrictSources: '192.0.2.0/24',
          hitsPerPage: 20,
        },
      },
      {
        ...given,
        title: 'a key with hostile text as user, filter and index',
        userId: hostileText,
        parameters: { filters: hostileText, restrictIndices: [hostileText, 'orders'] },
      },
    ],
    record: ({ nowSeconds, lifeSeconds, secrets, userId, parameters: { hitsPerPage, ...others } }) => {
      const client = algoliasearch('sample-app', 'sample-api-key');
      const searchParams = hitsPerPage === undefined ? {} : { hitsPerPage };
      const restrictions = { ...others, searchParams, userToken: userId, validUntil: nowSeconds + lifeSeconds };
      return { text: client.generateSecuredApiKey({ ...secrets, restrictions }) };
    },
  }),
];
