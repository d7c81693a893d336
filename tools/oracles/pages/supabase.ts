import assert from 'node:assert/strict';
import { createPublicKey, verify } from 'node:crypto';
import type { PageOracle } from '../define-page.ts';
import { readPrintedApp, type AppRun, type Stage } from './stage/stage.ts';

const page = 'docs/vendors/supabase.md';
const app = readPrintedApp(page, 'createClient');
const given = { publishableKey: 'sb_publishable_sample' };

interface Received {
  /** The key and the `Authorization` of each request, by its path. */
  readonly requests: Record<string, readonly unknown[]>;
  /** The tokens with which channels were joined. */
  readonly channelTokens: unknown[];
}

/** Opens a project of Supabase, which returns one note and accepts each channel. */
function openProject({ open }: Stage): Received {
  const received: Received = { requests: {}, channelTokens: [] };
  open('example.supabase.co', {
    respond({ method, url = '', headers }, response) {
      if (method !== 'OPTIONS') received.requests[url] = [headers['apikey'], headers.authorization];
      response.writeHead(200, {
        'access-control-allow-origin': '*',
        'access-control-allow-headers': String(headers['access-control-request-headers'] ?? '*'),
        'content-type': 'application/json',
      });
      response.end('[{"id":1}]');
    },
    serve(socket) {
      socket.on('message', (message) => {
        const [joinRef, ref, topic, event, payload] = JSON.parse(String(message)) as [
          string,
          string,
          string,
          string,
          { readonly access_token?: unknown },
        ];
        if (event !== 'phx_join') return;
        received.channelTokens.push(payload.access_token);
        socket.send(JSON.stringify([joinRef, ref, topic, 'phx_reply', { status: 'ok', response: {} }]));
      });
    },
  });
  return received;
}

/** Returns the token that the broker issued to the app. It is the only one, and it is alice's. */
function readTokenOfAlice({ connections }: Stage, { exchanges, error }: AppRun): string {
  assert.equal(error, '');
  assert.deepEqual(
    exchanges.map(({ method, path, status }) => [method, path, status]),
    [['POST', '/v1/vendors/supabase-es256/token', 200]],
  );
  const { access_token } = JSON.parse(exchanges[0]?.received ?? '{}') as { readonly access_token: string };
  const { privateKey, keyId } = connections['supabase-es256'] ?? {};
  const [header = '', payload = '', signature = ''] = access_token.split('.');
  const key = { key: createPublicKey(String(privateKey)), dsaEncoding: 'ieee-p1363' } as const;
  assert.ok(verify('sha256', Buffer.from(`${header}.${payload}`), key, Buffer.from(signature, 'base64url')));
  const parse = (part: string) => JSON.parse(Buffer.from(part, 'base64url').toString()) as Record<string, unknown>;
  assert.equal(parse(header)['kid'], keyId);
  const { sub, role, aud } = parse(payload);
  assert.deepEqual({ sub, role, aud }, { sub: 'alice', role: 'authenticated', aud: 'authenticated' });
  return access_token;
}

export const oracle: PageOracle<Stage> = {
  package: '@supabase/supabase-js',
  page,
  connections: ['supabase-es256'],
  proofs: {
    'the Data API and Storage receive one token of the broker': async (stage) => {
      const { requests } = openProject(stage);
      const code = `${app}
        await supabase.storage.from('files').list();
        export const result = data;`;
      const run = await stage.runApp({ code, given });
      const sent = [given.publishableKey, `Bearer ${readTokenOfAlice(stage, run)}`];
      assert.deepEqual(requests, { '/rest/v1/notes?select=*': sent, '/storage/v1/object/list/files': sent });
      assert.deepEqual(run.result, [{ id: 1 }]);
    },
    'a private channel of Realtime is joined with the token of the broker': async (stage) => {
      const { channelTokens } = openProject(stage);
      const code = `${app}
        const channel = supabase.channel('room', { config: { private: true } });
        export const result = await new Promise((resolve) => channel.subscribe((status) => resolve(status)));
        await supabase.removeAllChannels();`;
      const run = await stage.runApp({ code, given });
      assert.deepEqual(channelTokens, [readTokenOfAlice(stage, run)]);
      assert.equal(run.result, 'SUBSCRIBED');
    },
  },
};
