import { OpenAI } from 'openai';
import type { ClientSecretCreateParams } from 'openai/resources/realtime/client-secrets';
import type { RealtimeSessionCreateRequest } from 'openai/resources/realtime/realtime';
import { defineOracle, type CaseInput } from '../define-oracle.ts';
import { hostileText, nowSeconds } from '../sample-values.ts';
import { recordRequest } from '../simulator.ts';

interface OpenAiCase extends CaseInput {
  readonly lifeSeconds: number;
  readonly secrets: { readonly apiKey: string };
  readonly options: { readonly organization?: string; readonly project?: string };
  readonly parameters: {
    readonly model: string;
    readonly instructions?: string;
    readonly output_modalities?: ('text' | 'audio')[];
    readonly audio?: NonNullable<RealtimeSessionCreateRequest['audio']>;
  };
}

const given = { nowSeconds, lifeSeconds: 600, secrets: { apiKey: 'sample-api-key' }, options: {}, userId: 'alice' };

export const products = [
  defineOracle<OpenAiCase>({
    product: 'openai-realtime',
    package: 'openai',
    cases: [
      { ...given, title: 'a client secret for one model', parameters: { model: 'gpt-realtime' } },
      {
        ...given,
        title: 'a client secret of a project with instructions, modalities and a voice',
        lifeSeconds: 7200,
        options: { organization: 'sample-organization', project: 'sample-project' },
        parameters: {
          model: 'gpt-realtime',
          instructions: 'Speak slowly.',
          output_modalities: ['audio'],
          audio: { input: { turn_detection: { type: 'semantic_vad' } }, output: { voice: 'marin', speed: 1.1 } },
        },
      },
      {
        ...given,
        title: 'a client secret with hostile text in each parameter',
        parameters: { model: hostileText, instructions: hostileText, audio: { output: { voice: hostileText } } },
      },
    ],
    record: ({ lifeSeconds, secrets, options, parameters }) => {
      const body: ClientSecretCreateParams = {
        expires_after: { anchor: 'created_at', seconds: lifeSeconds },
        session: { type: 'realtime', ...parameters },
      };
      return recordRequest({
        headers: ['authorization', 'content-type', 'openai-organization', 'openai-project'],
        response: {
          value: 'sample-client-secret',
          expires_at: nowSeconds + lifeSeconds,
          session: { type: 'realtime', object: 'realtime.session', model: parameters.model },
        },
        send: () => new OpenAI({ ...secrets, ...options, maxRetries: 0 }).realtime.clientSecrets.create(body),
      });
    },
  }),
];
