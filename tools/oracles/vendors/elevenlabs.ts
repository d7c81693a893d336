import { ElevenLabsClient, type ElevenLabs } from '@elevenlabs/elevenlabs-js';
import { defineOracle, type CaseInput } from '../define-oracle.ts';
import { hostileText, nowSeconds } from '../sample-values.ts';
import { recordRequest, type Exchange } from '../simulator.ts';

interface ElevenLabsCase extends CaseInput {
  readonly secrets: { readonly apiKey: string };
}

interface SingleUseTokenCase extends ElevenLabsCase {
  readonly parameters: { readonly tokenType: ElevenLabs.SingleUseTokenType };
}

interface ConversationTokenCase extends ElevenLabsCase {
  readonly parameters: {
    readonly agentId: string;
    readonly participantName?: string;
    readonly branchId?: string;
    readonly environment?: string;
  };
}

interface SignedUrlCase extends ElevenLabsCase {
  readonly parameters: {
    readonly agentId: string;
    readonly includeConversationId?: boolean;
    readonly branchId?: string;
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

export const products = [
  defineOracle<SingleUseTokenCase>({
    product: 'single-use-token',
    package: '@elevenlabs/elevenlabs-js',
    cases: [
      { ...given, title: 'a token for live transcription', parameters: { tokenType: 'realtime_scribe' } },
      { ...given, title: 'a token for the transcription of a file', parameters: { tokenType: 'batch_scribe' } },
      { ...given, title: 'a token for speech', parameters: { tokenType: 'tts_websocket' } },
    ],
    record: (input) =>
      recordCall(input, { token: 'sample-token' }, (client) =>
        client.tokens.singleUse.create(input.parameters.tokenType),
      ),
  }),
  defineOracle<ConversationTokenCase>({
    product: 'conversation-token',
    package: '@elevenlabs/elevenlabs-js',
    cases: [
      { ...given, title: 'a token for one agent', parameters: { agentId: 'agent_sample' } },
      {
        ...given,
        title: 'a token with a name, a branch and an environment',
        parameters: {
          agentId: 'agent_sample',
          participantName: 'Alice',
          branchId: 'branch_sample',
          environment: 'staging',
        },
      },
      {
        ...given,
        title: 'a token with hostile text as agent and as name',
        parameters: { agentId: hostileText, participantName: hostileText },
      },
    ],
    record: (input) =>
      recordCall(input, { token: 'sample-token', conversation_id: 'conv_sample' }, (client) =>
        client.conversationalAi.conversations.getWebrtcToken(input.parameters),
      ),
  }),
  defineOracle<SignedUrlCase>({
    product: 'signed-url',
    package: '@elevenlabs/elevenlabs-js',
    cases: [
      { ...given, title: 'a URL for one agent', parameters: { agentId: 'agent_sample' } },
      {
        ...given,
        title: 'a URL with a conversation, a branch and an environment',
        parameters: {
          agentId: 'agent_sample',
          includeConversationId: true,
          branchId: 'branch_sample',
          environment: 'staging',
        },
      },
      { ...given, title: 'a URL for an agent of hostile text', parameters: { agentId: hostileText } },
    ],
    record: (input) =>
      recordCall(input, { signed_url: 'wss://agents.example/conversation?signature=sample' }, (client) =>
        client.conversationalAi.conversations.getSignedUrl(input.parameters),
      ),
  }),
];
