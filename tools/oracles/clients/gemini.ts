import { GoogleGenAI } from '@google/genai';
import type { ClientSdk } from '../client-sdk.ts';

const request = { model: 'sample-model', contents: 'Hello', config: { maxOutputTokens: 9 } };

export const sdk: ClientSdk<GoogleGenAI> = {
  connection: 'gemini-proxy',
  package: '@google/genai',
  create: ({ baseUrl, token }) => new GoogleGenAI({ apiKey: token, httpOptions: { baseUrl } }),
  calls: [
    {
      title: 'generated content',
      async run(client) {
        const { text = '' } = await client.models.generateContent(request);
        return text;
      },
    },
    {
      title: 'generated content as a stream',
      async run(client, onFirstEvent) {
        let text = '';
        for await (const chunk of await client.models.generateContentStream(request)) {
          onFirstEvent();
          text += chunk.text ?? '';
        }
        return text;
      },
    },
  ],
};
