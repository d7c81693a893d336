import assert from 'node:assert/strict';
import { TokenVerifier } from 'livekit-server-sdk';
import type { PageOracle } from '../define-page.ts';
import { readPrintedApp, type Stage } from './stage/stage.ts';

const page = 'docs/vendors/livekit.md';
const customApp = readPrintedApp(page, 'TokenSource.custom');
const endpointApp = readPrintedApp(page, 'TokenSource.endpoint');

/** Opens LiveKit's server, which refuses each connection after it has read its token. Returns the tokens. */
function openServer({ open }: Stage): readonly string[] {
  const tokens: string[] = [];
  open('example.livekit.cloud', {
    respond: (_request, response) =>
      void response.writeHead(401, { 'access-control-allow-origin': '*' }).end('refused'),
    serve(socket, { url = '' }) {
      tokens.push(new URL(url, 'https://example.livekit.cloud').searchParams.get('access_token') ?? '');
      socket.close();
    },
  });
  return tokens;
}

/** Verifies a token as LiveKit's server does, and asserts that it lets alice into the room. */
async function assertTokenOfAlice({ connections, requestToken }: Stage, token: string): Promise<void> {
  const { apiKey, apiSecret } = connections['livekit'] ?? {};
  const claims = await new TokenVerifier(String(apiKey), String(apiSecret)).verify(token);
  const { body } = await requestToken('livekit', { room: 'team-red-standup' });
  assert.equal(claims.sub, body['vendor_user_id']);
  assert.equal(claims['name'], 'Alice');
  assert.equal(claims.video?.room, 'team-red-standup');
  assert.equal(claims.video.canPublish, true);
}

export const oracle: PageOracle<Stage> = {
  package: 'livekit-client',
  page,
  connections: ['livekit'],
  proofs: {
    'Room.connect sends the token that TokenSource.custom got of the broker': async (stage) => {
      const tokens = openServer(stage);
      const { exchanges } = await stage.runApp({ code: customApp });
      const [token = ''] = tokens;
      assert.equal(token, JSON.parse(exchanges[0]?.received ?? '{}').participant_token);
      await assertTokenOfAlice(stage, token);
    },
    'Room.connect sends the token that TokenSource.endpoint got of the broker': async (stage) => {
      const tokens = openServer(stage);
      const code = `${endpointApp}
        import { Room } from 'livekit-client';
        await new Room().connect(serverUrl, participantToken);`;
      const { exchanges } = await stage.runApp({ code });
      const [token = ''] = tokens;
      assert.equal(token, JSON.parse(exchanges[0]?.received ?? '{}').participant_token);
      await assertTokenOfAlice(stage, token);
    },
    'TokenSource.endpoint gets a token of alice although its request names bob': async (stage) => {
      const code = `${endpointApp}
        export const result = await tokens.fetch({
          roomName: 'team-red-standup', participantIdentity: 'bob', participantName: 'Bob',
          participantAttributes: { role: 'admin' }, participantMetadata: 'bob',
        });`;
      const { result, exchanges } = await stage.runApp({ code });
      assert.match(exchanges.at(-1)?.sent ?? '', /"participant_identity":"bob"/);
      const { participantToken } = result as { readonly participantToken: string };
      await assertTokenOfAlice(stage, participantToken);
      assert.doesNotMatch(Buffer.from(participantToken.split('.')[1] ?? '', 'base64url').toString(), /bob|admin/i);
    },
    'TokenSource.endpoint rejects with the reason of the broker if the room is not listed': async (stage) => {
      const { status, body } = await stage.requestToken('livekit', { room: 'team-blue-standup' });
      assert.equal(status, 403);
      const code = endpointApp.replace('team-red', 'team-blue');
      const { error } = await stage.runApp({ code });
      assert.match(error, /^Error generating token from endpoint .* received 403/);
      assert.ok(error.includes(String(body['detail'])));
    },
  },
};
