import { DeepgramClient } from '@deepgram/sdk';
import type { ClientSdk } from '../client-sdk.ts';

const model = 'sample-model';

/** Returns the transcript of a response. With a callback, Deepgram responds otherwise. */
function transcriptOf(response: unknown): string {
  const { results } = response as {
    results?: { channels: readonly { alternatives?: readonly { transcript?: string }[] }[] };
  };
  return results?.channels[0]?.alternatives?.[0]?.transcript ?? '';
}

export const sdk: ClientSdk<DeepgramClient> = {
  connection: 'deepgram-proxy',
  package: '@deepgram/sdk',
  create: ({ baseUrl, token }) =>
    new DeepgramClient({
      apiKey: token,
      maxRetries: 0,
      environment: { base: baseUrl, production: baseUrl, agent: baseUrl, agentRest: baseUrl },
    }),
  calls: [
    {
      title: 'the transcript of a URL',
      async run(client) {
        const url = 'https://audio.example/sample.wav';
        return transcriptOf(
          await client.listen.v1.media.transcribeUrl({ url, model, smart_format: true, keyterm: ['a b', 'c'] }),
        );
      },
    },
    {
      title: 'the transcript of a file',
      async run(client) {
        return transcriptOf(await client.listen.v1.media.transcribeFile(Buffer.from('sample audio'), { model }));
      },
    },
    {
      title: 'speech',
      async run(client) {
        const speech = await client.speak.v1.audio.generate({ text: 'Hello', model: 'sample-voice' as never });
        return Buffer.from(await speech.arrayBuffer()).toString();
      },
    },
  ],
};
