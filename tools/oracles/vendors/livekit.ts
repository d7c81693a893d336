import { AccessToken, TrackSource, type VideoGrant } from 'livekit-server-sdk';
import { defineOracle, type CaseInput } from '../define-oracle.ts';
import { splitJwt } from '../jwt-parts.ts';
import { hostileText, nowSeconds } from '../sample-values.ts';

interface LiveKitCase extends CaseInput {
  readonly lifeSeconds: number;
  readonly secrets: { readonly apiSecret: string };
  readonly options: { readonly apiKey: string };
  readonly parameters: {
    readonly room: string;
    readonly can_publish: boolean;
    readonly can_publish_sources?: readonly (keyof typeof sources)[];
    readonly can_subscribe: boolean;
    readonly can_publish_data: boolean;
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
const speaker = { room: 'lobby', can_publish: true, can_subscribe: true, can_publish_data: true };
const sources = { camera: TrackSource.CAMERA, screen_share_audio: TrackSource.SCREEN_SHARE_AUDIO };

export const products = [
  defineOracle<LiveKitCase>({
    product: 'livekit',
    package: 'livekit-server-sdk',
    cases: [
      { ...given, title: 'a token for one room', userId: 'alice', parameters: speaker },
      {
        ...given,
        title: 'a token of a listener with a name, metadata and attributes',
        lifeSeconds: 3600,
        userId: 'alice',
        parameters: {
          room: 'lobby',
          can_publish: false,
          can_subscribe: true,
          can_publish_data: false,
          name: 'Alice',
          metadata: '{"team":"blue"}',
          attributes: { role: 'listener', seat: '7' },
        },
      },
      {
        ...given,
        title: 'a token of a user who may publish two sources',
        userId: 'alice',
        parameters: { ...speaker, can_publish_sources: ['camera', 'screen_share_audio'] },
      },
      {
        ...given,
        title: 'a token with hostile text in each field',
        userId: hostileText,
        parameters: {
          ...speaker,
          room: hostileText,
          name: hostileText,
          metadata: hostileText,
          attributes: { note: hostileText },
        },
      },
    ],
    async record({ lifeSeconds, secrets, options, userId, parameters }) {
      const { room, can_publish, can_publish_sources, can_subscribe, can_publish_data, ...participant } = parameters;
      const token = new AccessToken(options.apiKey, secrets.apiSecret, {
        identity: userId,
        ttl: lifeSeconds,
        ...participant,
      });
      const grant: VideoGrant = {
        roomJoin: true,
        room,
        canPublish: can_publish,
        canSubscribe: can_subscribe,
        canPublishData: can_publish_data,
      };
      if (can_publish_sources !== undefined) grant.canPublishSources = can_publish_sources.map((name) => sources[name]);
      token.addGrant(grant);
      return { jwt: splitJwt(await token.toJwt(), { signature: true }) };
    },
  }),
];
