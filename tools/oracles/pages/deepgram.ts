import assert from 'node:assert/strict';
import type { PageOracle } from '../define-page.ts';
import { readPrintedApp, type AppRun, type Stage } from './stage/stage.ts';

const page = 'docs/vendors/deepgram.md';
const app = readPrintedApp(page, 'accessToken:');

interface Received {
  /** The `Authorization` of each request. */
  readonly authorizations: (string | undefined)[];
  /** The subprotocols of each WebSocket. */
  readonly protocols: (string | undefined)[];
}

/** Opens Deepgram, which accepts everything. */
function openDeepgram({ open }: Stage): Received {
  const received: Received = { authorizations: [], protocols: [] };
  open('api.deepgram.com', {
    respond({ method, headers }, response) {
      if (method !== 'OPTIONS') received.authorizations.push(headers.authorization);
      response.writeHead(200, {
        'access-control-allow-origin': '*',
        'access-control-allow-headers': String(headers['access-control-request-headers'] ?? '*'),
        'content-type': 'application/json',
      });
      response.end(JSON.stringify({ metadata: {}, results: { channels: [] } }));
    },
    serve: (_socket, { headers }) => void received.protocols.push(headers['sec-websocket-protocol']),
  });
  return received;
}

/** Returns the token that the broker issued to the app. It is the only one. */
function readToken({ exchanges, error }: AppRun): string {
  assert.equal(error, '');
  assert.deepEqual(
    exchanges.map(({ method, path, status }) => [method, path, status]),
    [['POST', '/v1/vendors/deepgram/token', 200]],
  );
  const { access_token } = JSON.parse(exchanges[0]?.received ?? '{}') as { readonly access_token?: unknown };
  return String(access_token);
}

export const oracle: PageOracle<Stage> = {
  package: '@deepgram/sdk',
  page,
  connections: ['deepgram'],
  proofs: {
    'two requests of DeepgramClient send one token of the broker': async (stage) => {
      const { authorizations } = openDeepgram(stage);
      const code = `${app}
        const audio = { url: 'https://audio.example.com/speech.wav', model: 'nova-3' };
        await deepgram.listen.v1.media.transcribeUrl(audio);
        export const result = await deepgram.listen.v1.media.transcribeUrl(audio);`;
      const run = await stage.runApp({ code });
      const token = readToken(run);
      assert.deepEqual(authorizations, [`Bearer ${token}`, `Bearer ${token}`]);
    },
    'a stream of DeepgramClient sends the token of the broker': async (stage) => {
      const { protocols } = openDeepgram(stage);
      const code = `${app}
        const stream = await deepgram.listen.v1.connect({ model: 'nova-3' });
        await new Promise((resolve) => { stream.on('open', resolve); stream.connect(); });
        export const result = 'open';
        stream.close();`;
      const run = await stage.runApp({ code });
      assert.equal(protocols.length, 1);
      assert.deepEqual(protocols[0]?.split(', ').slice(0, 2), ['bearer', readToken(run)]);
    },
  },
};
