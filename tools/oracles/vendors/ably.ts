import { Rest, type TokenParams } from 'ably';
import { defineOracle, type CaseInput } from '../define-oracle.ts';
import { hostileText, nowSeconds } from '../sample-values.ts';

interface AblyCase extends CaseInput {
  readonly lifeSeconds: number;
  readonly secrets: { readonly keySecret: string };
  readonly options: { readonly keyName: string };
  readonly parameters: { readonly capability: NonNullable<Exclude<TokenParams['capability'], string>> };
  /** The nonce, because the SDK's own is a number of few digits. */
  readonly randomHex: string;
}

const given = {
  nowSeconds,
  lifeSeconds: 3600,
  secrets: { keySecret: 'sample-key-secret' },
  options: { keyName: 'sample.key' },
  userId: 'alice',
  randomHex: '000102030405060708090a0b0c0d0e0f',
};

export const products = [
  defineOracle<AblyCase>({
    product: 'ably',
    package: 'ably',
    cases: [
      {
        ...given,
        title: 'a token request with all capabilities of the key',
        parameters: { capability: { '*': ['*'] } },
      },
      {
        ...given,
        title: 'a token request with capabilities in no order',
        lifeSeconds: 600,
        parameters: {
          capability: { 'room:lobby': ['subscribe', 'publish', 'history'], '*': ['subscribe'], 'Room:A': ['presence'] },
        },
        randomHex: 'f0e1d2c3b4a5968778695a4b3c2d1e0f',
      },
      {
        ...given,
        title: 'a token request with hostile text as user and as channel',
        userId: hostileText,
        parameters: { capability: { [hostileText]: ['subscribe'] } },
      },
    ],
    async record({ lifeSeconds, nowSeconds, secrets, options, userId, parameters, randomHex }) {
      const client = new Rest({ key: `${options.keyName}:${secrets.keySecret}` });
      const request = await client.auth.createTokenRequest({
        ttl: lifeSeconds * 1000,
        ...structuredClone(parameters),
        clientId: userId,
        timestamp: nowSeconds * 1000,
        nonce: randomHex,
      });
      return { text: JSON.stringify(request) };
    },
  }),
];
