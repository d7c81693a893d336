import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { json } from 'node:stream/consumers';
import type { PageOracle } from '../define-page.ts';
import type { Site } from './stage/internet.ts';
import { readPrintedApp, type AppRun, type Stage } from './stage/stage.ts';

const page = 'docs/vendors/ably.md';
const callbackApp = readPrintedApp(page, 'authCallback');
const urlApp = readPrintedApp(page, 'authUrl');
const ablyHost = 'main.realtime.ably.net';

/** Waits until Ably's client is connected or has failed. */
const waitForConnection = `
  const { current, reason } = await new Promise((resolve) =>
    realtime.connection.on((change) => ['connected', 'failed'].includes(change.current) && resolve(change)));
  export const result = {
    current,
    clientId: realtime.auth.clientId,
    message: [reason?.message, reason?.cause?.message, reason?.cause?.cause?.message].join(' '),
  };
  realtime.close();`;

type TokenRequest = Readonly<
  Record<'keyName' | 'ttl' | 'capability' | 'clientId' | 'timestamp' | 'nonce' | 'mac', unknown>
>;

interface Received {
  readonly accessTokens: string[];
  readonly tokenRequests: { readonly path: string; readonly body: TokenRequest }[];
}

const claimsOf = (jwt: string, part = 1) =>
  JSON.parse(Buffer.from(jwt.split('.')[part] ?? '', 'base64url').toString()) as Readonly<Record<string, unknown>>;

/** Opens Ably, which exchanges each token request for the token `of <client id>`, and connects each client. */
function openAbly({ open }: Stage): Received {
  const received: Received = { accessTokens: [], tokenRequests: [] };
  const site: Site = {
    async respond(request, response) {
      const headers = { 'access-control-allow-origin': '*', 'access-control-allow-headers': '*' };
      if (request.method !== 'POST') return void response.writeHead(200, headers).end();
      const body = (await json(request)) as TokenRequest;
      received.tokenRequests.push({ path: request.url ?? '', body });
      const issued = Number(body.timestamp);
      const token = {
        token: `of ${body.clientId}`,
        issued,
        expires: issued + Number(body.ttl),
        clientId: body.clientId,
      };
      response.writeHead(201, { ...headers, 'content-type': 'application/json' }).end(JSON.stringify(token));
    },
    serve(socket, { url = '' }: IncomingMessage) {
      const token = new URL(url, `https://${ablyHost}`).searchParams.get('access_token') ?? '';
      received.accessTokens.push(token);
      const clientId = token.startsWith('of ') ? token.slice(3) : claimsOf(token)['x-ably-clientId'];
      const connected = 4;
      const details = { clientId, connectionKey: 'key', maxIdleInterval: 15_000, connectionStateTtl: 120_000 };
      socket.send(JSON.stringify({ action: connected, connectionId: 'id', connectionDetails: details }));
    },
  };
  open(ablyHost, site);
  return received;
}

const sign = (secret: unknown, text: string, encoding: 'base64' | 'base64url') =>
  createHmac('sha256', String(secret)).update(text).digest(encoding);

/** Asserts that Ably's client is connected as alice, with the capability that the operator set. */
async function assertConnectedAsAlice({ requestToken }: Stage, { result }: AppRun, connection: string) {
  const { body } = await requestToken(connection);
  const clientId = String(body['client_id']);
  assert.deepEqual(result, { current: 'connected', clientId, message: '  ' });
  return {
    clientId,
    capability: { [`user:${clientId}:*`]: ['subscribe'], 'team:red': ['presence', 'publish', 'subscribe'] },
  };
}

/** Asserts that a JWT is the one that the broker issued, and that it is alice's. */
async function assertJwtOfAlice(stage: Stage, run: AppRun, tokens: readonly string[], issued: unknown): Promise<void> {
  const { clientId, capability } = await assertConnectedAsAlice(stage, run, 'ably-jwt');
  const [token = ''] = tokens;
  assert.deepEqual(tokens, [issued]);
  const [header, payload, signature] = token.split('.');
  const { keyName, keySecret } = stage.connections['ably-jwt'] ?? {};
  assert.equal(signature, sign(keySecret, `${header}.${payload}`, 'base64url'));
  assert.equal(claimsOf(token, 0)['kid'], keyName);
  const claims = claimsOf(token);
  assert.equal(claims['x-ably-clientId'], clientId);
  assert.deepEqual(JSON.parse(String(claims['x-ably-capability'])), capability);
}

/** Asserts that the token request which Ably received is the one that the broker signed, and that it is alice's. */
async function assertTokenRequestOfAlice(
  stage: Stage,
  run: AppRun,
  { accessTokens, tokenRequests }: Received,
  issued: unknown,
) {
  const { clientId, capability } = await assertConnectedAsAlice(stage, run, 'ably');
  const { keyName, keySecret } = stage.connections['ably'] ?? {};
  assert.equal(tokenRequests.length, 1);
  const [{ path, body } = assert.fail()] = tokenRequests;
  assert.equal(path.split('?')[0], `/keys/${keyName}/requestToken`);
  assert.deepEqual(body, JSON.parse(String(issued)));
  assert.equal(body.clientId, clientId);
  assert.deepEqual(JSON.parse(String(body.capability)), capability);
  const fields = [body.keyName, body.ttl, body.capability, body.clientId, body.timestamp, body.nonce];
  assert.equal(body.mac, sign(keySecret, fields.map((field) => `${field}\n`).join(''), 'base64'));
  assert.deepEqual(accessTokens, [`of ${clientId}`]);
}

const receivedBy = ({ exchanges }: AppRun) => exchanges[0]?.received ?? '{}';
const claimsBob = `authParams: { clientId: 'bob', capability: '{"*":["*"]}', ttl: '1' },`;

export const oracle: PageOracle<Stage> = {
  package: 'ably',
  page,
  connections: ['ably-jwt'],
  alike: { ably: 'ably-jwt' },
  proofs: {
    'authCallback connects with the JWT that it got of the broker': async (stage) => {
      const { accessTokens } = openAbly(stage);
      const run = await stage.runApp({ code: callbackApp + waitForConnection });
      await assertJwtOfAlice(stage, run, accessTokens, JSON.parse(receivedBy(run)).token);
    },
    'authCallback connects with the TokenRequest that it got of the broker': async (stage) => {
      const received = openAbly(stage);
      const code = callbackApp
        .replace("issue<{ token: string }>('ably-jwt')", "issue<{ token_request: string }>('ably')")
        .replace(
          '({ token }) => callback(null, token)',
          '({ token_request }) => callback(null, JSON.parse(token_request))',
        );
      const run = await stage.runApp({ code: code + waitForConnection });
      await assertTokenRequestOfAlice(stage, run, received, JSON.parse(receivedBy(run)).token_request);
    },
    'authUrl connects with a JWT of alice although its request names bob': async (stage) => {
      for (const method of ['GET', 'POST']) {
        const { accessTokens } = openAbly(stage);
        const code = urlApp.replace('authUrl:', `authMethod: '${method}', ${claimsBob} authUrl:`);
        const run = await stage.runApp({ code: code + waitForConnection });
        const [{ method: used, path, sent } = assert.fail()] = run.exchanges;
        assert.equal(used, method);
        assert.match(path + sent, /clientId=bob/);
        await assertJwtOfAlice(stage, run, accessTokens, receivedBy(run));
      }
    },
    'authUrl connects with a TokenRequest of alice although its request names bob': async (stage) => {
      const received = openAbly(stage);
      const code = urlApp.replace('ably-jwt', 'ably').replace('authUrl:', `${claimsBob} authUrl:`);
      const run = await stage.runApp({ code: code + waitForConnection });
      assert.match(run.exchanges[0]?.path ?? '', /clientId=bob/);
      await assertTokenRequestOfAlice(stage, run, received, receivedBy(run));
    },
    'authUrl and authCallback fail with the reason of the broker if the user is in no team': async (stage) => {
      const { status, body } = await stage.requestToken('ably-jwt', {}, 'carol');
      assert.equal(status, 403);
      for (const code of [urlApp, callbackApp]) {
        const { accessTokens } = openAbly(stage);
        const { result } = await stage.runApp({ code: code + waitForConnection, user: 'carol' });
        const { current, message } = result as { readonly current: string; readonly message: string };
        assert.equal(current, 'failed');
        assert.ok(message.includes(String(body['detail'])), message);
        assert.deepEqual(accessTokens, []);
      }
    },
  },
};
