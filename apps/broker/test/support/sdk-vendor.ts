import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';

/** A request that reached the simulated vendor. */
export interface ReceivedCall {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** Responds instead of the simulated vendor. */
export type RespondInstead = (response: ServerResponse, call: ReceivedCall) => void;

type Json = Readonly<Record<string, unknown>>;

const usage = { input_tokens: 1, output_tokens: 2 };
const chunk = (delta: Json, finish_reason: string | null = null) => ({
  id: 'chat-1',
  object: 'chat.completion.chunk',
  created: 1,
  model: 'sample-model',
  choices: [{ index: 0, delta, finish_reason }],
});
const message = {
  id: 'msg-1',
  type: 'message',
  role: 'assistant',
  model: 'sample-model',
  stop_reason: 'end_turn',
  usage,
};
const candidate = (part: string) => ({ candidates: [{ content: { role: 'model', parts: [{ text: part }] } }] });
const output = [
  {
    id: 'out-1',
    type: 'message',
    role: 'assistant',
    status: 'completed',
    content: [{ type: 'output_text', text: 'Hello world', annotations: [] }],
  },
];
const completed = { id: 'resp-1', object: 'response', status: 'completed', model: 'sample-model', output };

/** What each path responds to a call without a stream. */
const answers: readonly (readonly [RegExp, Json | Buffer])[] = [
  [
    /^\/v1\/chat\/completions$/,
    {
      id: 'chat-1',
      object: 'chat.completion',
      created: 1,
      model: 'sample-model',
      choices: [{ index: 0, message: { role: 'assistant', content: 'Hello world' }, finish_reason: 'stop' }],
    },
  ],
  [/^\/v1\/responses$/, completed],
  [
    /^\/v1\/embeddings$/,
    {
      object: 'list',
      model: 'sample-model',
      data: [
        { object: 'embedding', index: 0, embedding: Buffer.from(new Float32Array([1, 2]).buffer).toString('base64') },
      ],
    },
  ],
  [/^\/v1\/messages$/, { ...message, content: [{ type: 'text', text: 'Hello world' }] }],
  [/:generateContent$/, candidate('Hello world')],
  [/^\/v1\/listen\?/, { results: { channels: [{ alternatives: [{ transcript: 'Hello world' }] }] } }],
  [/^\/v1\/(?:audio\/speech$|speak\?|text-to-speech\/[^/]+(?:\?|$))/, Buffer.from('Hello world')],
  [/\/with-timestamps$/, { audio_base64: Buffer.from('Hello world').toString('base64') }],
];

/** The events of each stream: the first one, and those that follow when the test lets them. */
const streams: readonly (readonly [RegExp, readonly string[]])[] = [
  [
    /^\/v1\/chat\/completions$/,
    [chunk({ role: 'assistant', content: 'Hello ' }), chunk({ content: 'world' }), chunk({}, 'stop')]
      .map(toEvent)
      .concat('data: [DONE]\n\n'),
  ],
  [
    /^\/v1\/responses$/,
    [
      {
        type: 'response.output_text.delta',
        item_id: 'out-1',
        output_index: 0,
        content_index: 0,
        delta: 'Hello ',
        sequence_number: 1,
      },
      {
        type: 'response.output_text.delta',
        item_id: 'out-1',
        output_index: 0,
        content_index: 0,
        delta: 'world',
        sequence_number: 2,
      },
      { type: 'response.completed', response: completed, sequence_number: 3 },
    ].map(toNamedEvent),
  ],
  [
    /^\/v1\/messages$/,
    [
      { type: 'message_start', message: { ...message, content: [], stop_reason: null } },
      { type: 'content_block_start', index: 0, content_block: { type: 'text', text: '' } },
      { type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text: 'Hello world' } },
      { type: 'content_block_stop', index: 0 },
      { type: 'message_delta', delta: { stop_reason: 'end_turn' }, usage },
      { type: 'message_stop' },
    ].map(toNamedEvent),
  ],
  [/:streamGenerateContent\?alt=sse$/, [candidate('Hello '), candidate('world')].map(toEvent)],
  [/\/stream(?:\?|$)/, ['Hello ', 'world']],
];

function toEvent(data: unknown): string {
  return `data: ${JSON.stringify(data)}\n\n`;
}

function toNamedEvent(data: { readonly type: string }): string {
  return `event: ${data.type}\n${toEvent(data)}`;
}

/**
 * Starts one server that stands in for the APIs that client SDKs call: OpenAI, Anthropic, Gemini, Deepgram and ElevenLabs. It
 * records every request. After `hold`, each stream stops behind its first event until the returned function is called.
 */
export async function startSdkVendor() {
  const calls: ReceivedCall[] = [];
  let instead: RespondInstead | undefined;
  let gate = Promise.resolve();

  const respond = async (response: ServerResponse, call: ReceivedCall): Promise<void> => {
    const { path, body } = call;
    const isStream = body.includes('"stream":true') || /:stream|\/stream/.test(path);
    const [, events] = (isStream && streams.find(([form]) => form.test(path))) || [];
    const [, answer] = answers.find(([form]) => form.test(path)) ?? [];
    if (events !== undefined) {
      const [first = '', ...others] = events;
      response.writeHead(200, { 'content-type': path.includes('text-to-speech') ? 'audio/mpeg' : 'text/event-stream' });
      response.write(first);
      await gate;
      response.end(others.join(''));
    } else if (answer === undefined) {
      response
        .writeHead(404, { 'content-type': 'application/json' })
        .end(JSON.stringify({ error: { message: 'No such path.' } }));
    } else if (Buffer.isBuffer(answer)) {
      response.writeHead(200, { 'content-type': 'audio/mpeg' }).end(answer);
    } else {
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(answer));
    }
  };

  const server = createServer((request, response) => {
    void (async () => {
      const { method = '', url = '', headers } = request;
      const call = { method, path: url, headers, body: await text(request) };
      calls.push(call);
      if (instead === undefined) await respond(response, call);
      else instead(response, call);
    })();
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    calls,
    /** Sets what responds instead of the simulated vendor. */
    respondWith(other: RespondInstead | undefined): void {
      instead = other;
    },
    hold(): () => void {
      const { promise, resolve } = Promise.withResolvers<void>();
      gate = promise;
      return resolve;
    },
    async close(): Promise<void> {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

export type SdkVendor = Awaited<ReturnType<typeof startSdkVendor>>;
