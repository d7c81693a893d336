import assert from 'node:assert/strict';
import type { PageOracle } from '../define-page.ts';
import { readPrintedApp, type AppRun, type Stage } from './stage/stage.ts';

const page = 'docs/vendors/openai.md';
const app = readPrintedApp(page, 'RealtimeSession');
const webSocketApp = app.replace("{ model: 'gpt-realtime' }", "{ model: 'gpt-realtime', transport: 'websocket' }");

interface Received {
  /** Each request: `POST /v1/realtime/calls Bearer …`. */
  readonly requests: string[];
  /** The subprotocols of each WebSocket. */
  readonly protocols: string[];
}

/** Opens OpenAI, which refuses a WebRTC call after it has read its secret, and accepts a WebSocket. */
function openOpenai({ open }: Stage): Received {
  const received: Received = { requests: [], protocols: [] };
  open('api.openai.com', {
    respond({ method, url, headers }, response) {
      if (method !== 'OPTIONS') received.requests.push(`${method} ${url?.split('?')[0]} ${headers.authorization}`);
      const cors = { 'access-control-allow-origin': '*', 'access-control-allow-headers': 'authorization, *' };
      response.writeHead(method === 'OPTIONS' ? 204 : 401, cors).end();
    },
    serve(socket, { headers }) {
      received.protocols.push(headers['sec-websocket-protocol'] ?? '');
      socket.on('message', (message) => {
        const { type } = JSON.parse(String(message)) as { readonly type: string };
        if (type === 'session.update')
          socket.send(JSON.stringify({ type: 'session.updated', event_id: '1', session: {} }));
      });
    },
  });
  return received;
}

/** Returns the secret that the broker issued to the app. It is the only one. */
function readSecret({ exchanges }: AppRun): string {
  assert.deepEqual(
    exchanges.map(({ method, path, status }) => [method, path, status]),
    [['POST', '/v1/vendors/openai-realtime/token', 200]],
  );
  const { value } = JSON.parse(exchanges[0]?.received ?? '{}') as { readonly value?: unknown };
  assert.match(String(value), /^ek_/);
  return String(value);
}

export const oracle: PageOracle<Stage> = {
  package: '@openai/agents-realtime',
  page,
  connections: ['openai-realtime'],
  proofs: {
    'RealtimeSession calls OpenAI over WebRTC with the client secret of the broker': async (stage) => {
      const { requests } = openOpenai(stage);
      const run = await stage.runApp({ code: app });
      assert.deepEqual(requests, [`POST /v1/realtime/calls Bearer ${readSecret(run)}`], run.error);
    },
    'RealtimeSession connects to OpenAI over a WebSocket with the client secret of the broker': async (stage) => {
      const { protocols } = openOpenai(stage);
      const code = `${webSocketApp}
        export const result = session.transport.status;
        session.close();`;
      const run = await stage.runApp({ code });
      assert.equal(run.error, '');
      assert.equal(run.result, 'connected');
      assert.equal(protocols.length, 1);
      assert.ok(protocols[0]?.split(/, ?/).includes(`openai-insecure-api-key.${readSecret(run)}`));
    },
  },
};
