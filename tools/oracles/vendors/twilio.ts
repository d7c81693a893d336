import twilio from 'twilio';
import { defineOracle, type CaseInput, type OracleProduct } from '../define-oracle.ts';
import { splitJwt } from '../jwt-parts.ts';
import { hostileText, nowSeconds } from '../sample-values.ts';

const { AccessToken } = twilio.jwt;
type Grant = Parameters<InstanceType<typeof AccessToken>['addGrant']>[0];

interface TwilioCase extends CaseInput {
  readonly lifeSeconds: number;
  readonly secrets: { readonly apiKeySecret: string };
  readonly options: { readonly accountSid: string; readonly apiKeySid: string; readonly region?: string };
}

interface VoiceCase extends TwilioCase {
  readonly options: TwilioCase['options'] & {
    readonly outgoingApplicationSid?: string;
    readonly pushCredentialSid?: string;
  };
  readonly parameters: {
    readonly incoming_allow?: boolean;
    readonly outgoing_application_params?: Readonly<Record<string, string>>;
  };
}

interface VideoCase extends TwilioCase {
  readonly parameters: { readonly room: string };
}

interface ServiceCase extends TwilioCase {
  readonly options: TwilioCase['options'] & { readonly serviceSid: string; readonly pushCredentialSid?: string };
}

const options = { accountSid: 'ACsample', apiKeySid: 'SKsample' };
const given = {
  nowSeconds,
  lifeSeconds: 3600,
  secrets: { apiKeySecret: 'sample-api-key-secret' },
  options,
  userId: 'alice',
  parameters: {},
};

function defineGrant<Case extends TwilioCase>(
  product: string,
  createGrant: (input: Case) => Grant,
  cases: readonly Case[],
): OracleProduct {
  return defineOracle<Case>({
    product,
    package: 'twilio',
    cases,
    record: (input) => {
      const { lifeSeconds, secrets, options, userId } = input;
      const token = new AccessToken(options.accountSid, options.apiKeySid, secrets.apiKeySecret, {
        identity: userId,
        ttl: lifeSeconds,
        ...(options.region === undefined ? {} : { region: options.region }),
      });
      token.addGrant(createGrant(input));
      return { jwt: splitJwt(token.toJwt(), { signature: true }) };
    },
  });
}

export const products = [
  defineGrant<VoiceCase>(
    'twilio-voice',
    ({
      options: { outgoingApplicationSid, pushCredentialSid },
      parameters: { incoming_allow, outgoing_application_params },
    }) =>
      new AccessToken.VoiceGrant({
        ...(incoming_allow === undefined ? {} : { incomingAllow: incoming_allow }),
        ...(outgoing_application_params === undefined
          ? {}
          : { outgoingApplicationParams: outgoing_application_params }),
        ...(outgoingApplicationSid === undefined ? {} : { outgoingApplicationSid }),
        ...(pushCredentialSid === undefined ? {} : { pushCredentialSid }),
      }),
    [
      {
        ...given,
        title: 'a token for incoming calls alone',
        parameters: { incoming_allow: true },
      },
      {
        ...given,
        title: 'a token for outgoing calls alone',
        options: { ...options, outgoingApplicationSid: 'APsample' },
      },
      {
        ...given,
        title: 'a token of a region for both ways, with parameters and notifications',
        lifeSeconds: 600,
        options: {
          ...options,
          region: 'ie1',
          outgoingApplicationSid: 'APsample',
          pushCredentialSid: 'CRsample',
        },
        parameters: { incoming_allow: true, outgoing_application_params: { team: 'blue', language: 'en' } },
      },
      {
        ...given,
        title: 'a token with hostile text as user and in a parameter',
        options: { ...options, outgoingApplicationSid: 'APsample' },
        userId: hostileText,
        parameters: { outgoing_application_params: { note: hostileText } },
      },
    ],
  ),
  defineGrant<VideoCase>('twilio-video', ({ parameters }) => new AccessToken.VideoGrant(parameters), [
    { ...given, title: 'a token for one room', parameters: { room: 'lobby' } },
    {
      ...given,
      title: 'a token of a region for one room',
      lifeSeconds: 600,
      options: { ...options, region: 'ie1' },
      parameters: { room: 'lobby' },
    },
    {
      ...given,
      title: 'a token with hostile text as user and as room',
      userId: hostileText,
      parameters: { room: hostileText },
    },
  ]),
  defineGrant<ServiceCase>(
    'twilio-conversations',
    ({ options: { serviceSid, pushCredentialSid } }) =>
      new AccessToken.ChatGrant({
        serviceSid,
        ...(pushCredentialSid === undefined ? {} : { pushCredentialSid }),
      }),
    [
      { ...given, title: 'a token for one service', options: { ...options, serviceSid: 'ISsample' } },
      {
        ...given,
        title: 'a token of a region with notifications',
        lifeSeconds: 600,
        options: { ...options, region: 'ie1', serviceSid: 'ISsample', pushCredentialSid: 'CRsample' },
      },
      {
        ...given,
        title: 'a token with hostile text as user',
        options: { ...options, serviceSid: 'ISsample' },
        userId: hostileText,
      },
    ],
  ),
  defineGrant<ServiceCase>('twilio-sync', ({ options: { serviceSid } }) => new AccessToken.SyncGrant({ serviceSid }), [
    { ...given, title: 'a token for one service', options: { ...options, serviceSid: 'ISsample' } },
    {
      ...given,
      title: 'a token of a region with hostile text as user',
      lifeSeconds: 600,
      options: { ...options, region: 'ie1', serviceSid: 'ISsample' },
      userId: hostileText,
    },
  ]),
];
