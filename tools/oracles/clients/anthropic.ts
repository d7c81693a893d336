import Anthropic from '@anthropic-ai/sdk';
import type { ClientSdk } from '../client-sdk.ts';

const request = {
  model: 'sample-model',
  max_tokens: 9,
  messages: [{ role: 'user' as const, content: 'Hello' }],
};

export const sdk: ClientSdk<Anthropic> = {
  connection: 'anthropic-proxy',
  package: '@anthropic-ai/sdk',
  create: ({ baseUrl, token }) => new Anthropic({ baseURL: baseUrl, apiKey: token, maxRetries: 0 }),
  calls: [
    {
      title: 'a message',
      async run(client) {
        const { content } = await client.messages.create(request);
        return content.map((block) => (block.type === 'text' ? block.text : '')).join('');
      },
    },
    {
      title: 'a message as a stream',
      async run(client, onFirstEvent) {
        let text = '';
        for await (const event of client.messages.stream(request)) {
          onFirstEvent();
          if (event.type === 'content_block_delta' && event.delta.type === 'text_delta') text += event.delta.text;
        }
        return text;
      },
    },
  ],
};
