import { ElevenLabsClient } from '@elevenlabs/elevenlabs-js';
import type { ClientSdk } from '../client-sdk.ts';

const request = { text: 'Hello', modelId: 'sample-model' };

async function read(stream: ReadableStream<Uint8Array>, onFirstEvent: () => void): Promise<string> {
  let text = '';
  for await (const chunk of stream) {
    onFirstEvent();
    text += Buffer.from(chunk).toString();
  }
  return text;
}

export const sdk: ClientSdk<ElevenLabsClient> = {
  connection: 'elevenlabs-proxy',
  package: '@elevenlabs/elevenlabs-js',
  create: ({ baseUrl, token }) => new ElevenLabsClient({ apiKey: token, baseUrl, maxRetries: 0 }),
  calls: [
    {
      title: 'speech',
      run: async (client, onFirstEvent) =>
        read(
          await client.textToSpeech.convert('sample-voice', { ...request, outputFormat: 'mp3_44100_128' }),
          onFirstEvent,
        ),
    },
    {
      title: 'speech as a stream',
      run: async (client, onFirstEvent) =>
        read(await client.textToSpeech.stream('sample-voice', request), onFirstEvent),
    },
    {
      title: 'speech with timestamps',
      async run(client) {
        const { audioBase64 } = await client.textToSpeech.convertWithTimestamps('sample-voice', request);
        return Buffer.from(audioBase64, 'base64').toString();
      },
    },
  ],
};
