import { AccessToken, type VideoGrant } from 'livekit-server-sdk';
import { defineOracle, type CaseInput } from '../define-oracle.ts';
import { splitJwt } from '../jwt-parts.ts';
import { hostileText, nowSeconds } from '../sample-values.ts';

interface LiveKitCase extends CaseInput {
  readonly lifeSeconds: number;
  readonly secrets: { readonly apiSecret: string };
  readonly options: { readonly apiKey: string };
  readonly parameters: {
    readonly room: string;
    readonly canPublish?: boolean;
    readonly canSubscribe?: boolean;
    readonly canPublishData?: boolean;
    readonly name?: string;
    readonly metadata?: string;
    readonly attributes?: Readonly<Record<string, string>>;
  };
}

const given = {
  nowSeconds,
  lifeSeconds: 600,
  secrets: { apiSecret: 'sample-api-secret' },
  options: { apiKey: 'sample-api-key' },
};

export const products = [
  defineOracle<LiveKitCase>({
    product: 'livekit',
    package: 'livekit-server-sdk',
    cases: [
      { ...given, title: 'a token for one room', userId: 'alice', parameters: { room: 'lobby' } },
      {
        ...given,
        title: 'a token of a listener with a name, metadata and attributes',
        lifeSeconds: 3600,
        userId: 'alice',
        parameters: {
          room: 'lobby',
          canPublish: false,
          canSubscribe: true,
          canPublishData: false,
          name: 'Alice',
          metadata: '{"team":"blue"}',
          attributes: { role: 'listener', seat: '7' },
        },
      },
      {
        ...given,
        title: 'a token with hostile text in each field',
        userId: hostileText,
        parameters: { room: hostileText, name: hostileText, metadata: hostileText, attributes: { note: hostileText } },
      },
    ],
    async record({ lifeSeconds, secrets, options, userId, parameters }) {
      const { room, canPublish, canSubscribe, canPublishData, ...participant } = parameters;
      const token = new AccessToken(options.apiKey, secrets.apiSecret, {
        identity: userId,
        ttl: lifeSeconds,
        ...participant,
      });
      const grant: VideoGrant = { roomJoin: true, room };
      if (canPublish !== undefined) grant.canPublish = canPublish;
      if (canSubscribe !== undefined) grant.canSubscribe = canSubscribe;
      if (canPublishData !== undefined) grant.canPublishData = canPublishData;
      token.addGrant(grant);
      return { jwt: splitJwt(await token.toJwt(), { signature: true }) };
    },
  }),
];
