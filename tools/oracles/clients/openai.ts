import { OpenAI } from 'openai';
import type { ClientSdk } from '../client-sdk.ts';

const model = 'sample-model';
const messages = [{ role: 'user' as const, content: 'Hello' }];

export const sdk: ClientSdk<OpenAI> = {
  connection: 'openai-proxy',
  package: 'openai',
  create: ({ baseUrl, token }) => new OpenAI({ baseURL: `${baseUrl}/v1`, apiKey: token, maxRetries: 0 }),
  calls: [
    {
      title: 'a chat completion',
      async run(client) {
        const { choices } = await client.chat.completions.create({ model, messages, max_completion_tokens: 9 });
        return choices[0]?.message.content ?? '';
      },
    },
    {
      title: 'a chat completion as a stream',
      async run(client, onFirstEvent) {
        const stream = await client.chat.completions.create({
          model,
          messages,
          max_completion_tokens: 9,
          stream: true,
        });
        let text = '';
        for await (const { choices } of stream) {
          onFirstEvent();
          text += choices[0]?.delta.content ?? '';
        }
        return text;
      },
    },
    {
      title: 'a response',
      async run(client) {
        const { output_text } = await client.responses.create({ model, input: 'Hello', max_output_tokens: 16 });
        return output_text;
      },
    },
    {
      title: 'a response as a stream',
      async run(client, onFirstEvent) {
        const stream = await client.responses.create({ model, input: 'Hello', max_output_tokens: 16, stream: true });
        let text = '';
        for await (const event of stream) {
          onFirstEvent();
          if (event.type === 'response.output_text.delta') text += event.delta;
        }
        return text;
      },
    },
    {
      title: 'an embedding',
      async run(client) {
        const { data } = await client.embeddings.create({ model, input: 'Hello' });
        return data[0]?.embedding.length === 2 ? 'Hello world' : '';
      },
    },
    {
      title: 'speech',
      async run(client) {
        const speech = await client.audio.speech.create({ model, input: 'Hello', voice: 'alloy' });
        return speech.text();
      },
    },
  ],
};
