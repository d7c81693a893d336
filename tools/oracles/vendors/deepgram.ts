import { DeepgramClient } from '@deepgram/sdk';
import { defineOracle, type CaseInput } from '../define-oracle.ts';
import { nowSeconds } from '../sample-values.ts';
import { recordRequest } from '../simulator.ts';

interface DeepgramCase extends CaseInput {
  readonly lifeSeconds: number;
  readonly secrets: { readonly apiKey: string };
}

const given = { nowSeconds, secrets: { apiKey: 'sample-api-key' }, options: {}, userId: 'alice', parameters: {} };

export const products = [
  defineOracle<DeepgramCase>({
    product: 'deepgram',
    package: '@deepgram/sdk',
    cases: [
      { ...given, title: 'a token of half a minute', lifeSeconds: 30 },
      { ...given, title: 'a token of the longest life', lifeSeconds: 3600 },
    ],
    record: ({ lifeSeconds, secrets }) =>
      recordRequest({
        headers: ['authorization', 'content-type'],
        response: { access_token: 'sample-access-token', expires_in: lifeSeconds },
        send: () =>
          new DeepgramClient({ ...secrets, maxRetries: 0 }).auth.v1.tokens.grant({ ttl_seconds: lifeSeconds }),
      }),
  }),
];
