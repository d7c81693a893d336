import { ElevenLabsClient, type ElevenLabs } from '@elevenlabs/elevenlabs-js';
import { defineOracle, type CaseInput } from '../define-oracle.ts';
import { hostileText, nowSeconds } from '../sample-values.ts';
import { recordRequest, type Exchange } from '../simulator.ts';

interface ElevenLabsCase extends CaseInput {
  readonly secrets: { readonly apiKey: string };
}

interface SingleUseTokenCase extends ElevenLabsCase {
  readonly parameters: { readonly token_type: ElevenLabs.SingleUseTokenType };
}

interface ConversationTokenCase extends ElevenLabsCase {
  readonly parameters: {
    readonly agent_id: string;
    readonly participant_name?: string;
    readonly branch_id?: string;
    readonly environment?: string;
  };
}

interface SignedUrlCase extends ElevenLabsCase {
  readonly parameters: {
    readonly agent_id: string;
    readonly include_conversation_id?: boolean;
    readonly branch_id?: string;
    readonly environment?: string;
  };
}

const given = { nowSeconds, secrets: { apiKey: 'sample-api-key' }, options: {}, userId: 'alice' };

function recordCall(
  { secrets }: ElevenLabsCase,
  response: Exchange['response'],
  call: (client: ElevenLabsClient) => Promise<unknown>,
) {
  return recordRequest({
    headers: ['content-type', 'xi-api-key'],
    response,
    send: () => call(new ElevenLabsClient({ ...secrets, maxRetries: 0 })),
  });
}

interface AgentParameters {
  readonly agent_id: string;
  readonly participant_name?: string;
  readonly include_conversation_id?: boolean;
  readonly branch_id?: string;
  readonly environment?: string;
}

/** Returns the parameters under the names of the SDK. */
function toSdkNames({ agent_id, participant_name, include_conversation_id, branch_id, environment }: AgentParameters) {
  return {
    agentId: agent_id,
    ...(participant_name === undefined ? {} : { participantName: participant_name }),
    ...(include_conversation_id === undefined ? {} : { includeConversationId: include_conversation_id }),
    ...(branch_id === undefined ? {} : { branchId: branch_id }),
    ...(environment === undefined ? {} : { environment }),
  };
}

export const products = [
  defineOracle<SingleUseTokenCase>({
    product: 'elevenlabs-token',
    package: '@elevenlabs/elevenlabs-js',
    cases: [
      { ...given, title: 'a token for live transcription', parameters: { token_type: 'realtime_scribe' } },
      { ...given, title: 'a token for the transcription of a file', parameters: { token_type: 'batch_scribe' } },
      { ...given, title: 'a token for speech', parameters: { token_type: 'tts_websocket' } },
    ],
    record: (input) =>
      recordCall(input, { token: 'sample-token' }, (client) =>
        client.tokens.singleUse.create(input.parameters.token_type),
      ),
  }),
  defineOracle<ConversationTokenCase>({
    product: 'elevenlabs-conversation',
    package: '@elevenlabs/elevenlabs-js',
    cases: [
      { ...given, title: 'a token for one agent', parameters: { agent_id: 'agent_sample' } },
      {
        ...given,
        title: 'a token with a name, a branch and an environment',
        parameters: {
          agent_id: 'agent_sample',
          participant_name: 'Alice',
          branch_id: 'branch_sample',
          environment: 'staging',
        },
      },
      {
        ...given,
        title: 'a token with hostile text as name',
        parameters: { agent_id: 'agent_sample', participant_name: hostileText },
      },
      {
        ...given,
        title: 'a token with hostile text as agent and as name',
        parameters: { agent_id: hostileText, participant_name: hostileText },
      },
    ],
    record: (input) =>
      recordCall(input, { token: 'sample-token', conversation_id: 'conv_sample' }, (client) =>
        client.conversationalAi.conversations.getWebrtcToken(toSdkNames(input.parameters)),
      ),
  }),
  defineOracle<SignedUrlCase>({
    product: 'elevenlabs-signed-url',
    package: '@elevenlabs/elevenlabs-js',
    cases: [
      { ...given, title: 'a URL for one agent', parameters: { agent_id: 'agent_sample' } },
      {
        ...given,
        title: 'a URL with a conversation, a branch and an environment',
        parameters: {
          agent_id: 'agent_sample',
          include_conversation_id: true,
          branch_id: 'branch_sample',
          environment: 'staging',
        },
      },
      { ...given, title: 'a URL for an agent of hostile text', parameters: { agent_id: hostileText } },
    ],
    record: (input) =>
      recordCall(input, { signed_url: 'wss://agents.example/conversation?signature=sample' }, (client) =>
        client.conversationalAi.conversations.getSignedUrl(toSdkNames(input.parameters)),
      ),
  }),
];
