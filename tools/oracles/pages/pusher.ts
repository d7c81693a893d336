import assert from 'node:assert/strict';
import PusherServer from 'pusher';
import type { PageOracle } from '../define-page.ts';
import { readPrintedApp, type Stage } from './stage/stage.ts';

const page = 'docs/vendors/pusher.md';
const given = { appKey: 'sample-app-key' };
const handlerApp = readPrintedApp(page, 'customHandler');
const endpointApp = readPrintedApp(page, 'headersProvider');
const socketId = '123.456';

/** Subscribes to the channels, signs in, and collects what Pusher's client reports. */
const subscribe = (channels: readonly string[], signIn = '') => `
  const result = {};
  await Promise.all([
    ...${JSON.stringify(channels)}.map((name) => new Promise((resolve) => {
      const channel = pusher.subscribe(name);
      channel.bind('pusher:subscription_succeeded', () => resolve(result[name] = { myId: channel.members?.myID ?? null }));
      channel.bind('pusher:subscription_error', (error) => resolve(result[name] = error));
    })),
    ${signIn},
  ]);
  pusher.disconnect();
  export { result };`;
const signIn = `new Promise((resolve) => {
  pusher.bind('pusher:signin_success', (data) => resolve(result.user = data));
  pusher.signin();
})`;

/** What Pusher's client reports of each channel. */
type Outcomes = Readonly<
  Record<string, { readonly myId?: string; readonly type?: string; readonly error?: string; readonly status?: number }>
>;

interface Received {
  /** What the client sent with each subscription, by the name of the channel. */
  readonly subscriptions: Readonly<Record<string, Readonly<Record<string, string>>>>;
  readonly signIns: readonly Readonly<Record<string, string>>[];
}

/** Opens Pusher, which accepts every subscription and sign-in, and records them. */
function openPusher({ open }: Stage): Received {
  const subscriptions: Record<string, Readonly<Record<string, string>>> = {};
  const signIns: Readonly<Record<string, string>>[] = [];
  open('ws-eu.pusher.com', {
    serve(socket) {
      const send = (event: string, data: object, channel?: string) =>
        socket.send(JSON.stringify({ event, channel, data: JSON.stringify(data) }));
      socket.on('message', (message) => {
        const { event, data } = JSON.parse(String(message)) as {
          readonly event: string;
          readonly data: Readonly<Record<string, string>>;
        };
        if (event === 'pusher:signin') {
          signIns.push(data);
          send('pusher:signin_success', { user_data: data['user_data'] });
        } else if (event === 'pusher:subscribe') {
          const { channel = '', channel_data: member } = data;
          subscriptions[channel] = data;
          send(
            'pusher_internal:subscription_succeeded',
            { presence: { ids: [], hash: {}, count: 0 }, member },
            channel,
          );
        }
      });
      send('pusher:connection_established', { socket_id: socketId, activity_timeout: 120 });
    },
  });
  return { subscriptions, signIns };
}

/** Pusher's own server library, with the key of a connection. */
function createServer({ connections }: Stage, connection: string): PusherServer {
  const { key, secret } = connections[connection] ?? {};
  return new PusherServer({ appId: 'sample', key: String(key), secret: String(secret), cluster: 'eu' });
}

/** Returns the id of alice that the broker gives Pusher. */
async function readUserId({ requestToken }: Stage): Promise<string> {
  const { body } = await requestToken('pusher-user', { socket_id: socketId });
  return String(body['vendor_user_id']);
}

/** Asserts that the client entered the presence channel as alice, with the signature that Pusher's server library computes. */
async function assertPresenceOfAlice(stage: Stage, { subscriptions }: Received, channel: string): Promise<void> {
  const member = { user_id: await readUserId(stage), user_info: { name: 'Al' } };
  const sent = subscriptions[channel];
  assert.deepEqual(JSON.parse(sent?.['channel_data'] ?? '{}'), member);
  const { auth } = createServer(stage, 'pusher-presence').authorizeChannel(socketId, channel, member);
  assert.equal(sent?.['auth'], auth);
}

function assertPrivate(stage: Stage, { subscriptions }: Received, channel: string): void {
  const { auth } = createServer(stage, 'pusher-channel').authorizeChannel(socketId, channel);
  assert.equal(subscriptions[channel]?.['auth'], auth);
}

/** Asserts that the client signed in as alice. */
async function assertSignInOfAlice(stage: Stage, { signIns }: Received): Promise<void> {
  const user = { id: await readUserId(stage) };
  const { auth, user_data } = createServer(stage, 'pusher-user').authenticateUser(socketId, user);
  assert.deepEqual(signIns, [{ auth, user_data }]);
}

const claimsBob = `params: { user_id: 'bob', channel_data: '{"user_id":"bob"}', user_data: '{"id":"bob"}', user_info: 'bob' },`;

export const oracle: PageOracle<Stage> = {
  package: 'pusher-js',
  page,
  connections: ['pusher-channel', 'pusher-presence', 'pusher-user'],
  proofs: {
    'customHandler enters private and presence channels and signs in with signatures of the broker': async (stage) => {
      const received = openPusher(stage);
      const channels = ['private-team-red-news', 'presence-team-red-lobby'];
      const run = await stage.runApp({ code: handlerApp + subscribe(channels, signIn), given });
      assert.equal(run.error, '');
      assertPrivate(stage, received, 'private-team-red-news');
      await assertPresenceOfAlice(stage, received, 'presence-team-red-lobby');
      await assertSignInOfAlice(stage, received);
      assert.equal((run.result as Outcomes)['presence-team-red-lobby']?.myId, await readUserId(stage));
    },
    'the endpoint lets alice enter a private channel and sign in although the requests name bob': async (stage) => {
      const received = openPusher(stage);
      const code = endpointApp.replaceAll("transport: 'ajax',", `transport: 'ajax', ${claimsBob}`);
      const run = await stage.runApp({ code: code + subscribe(['private-news'], signIn), given });
      assert.equal(run.error, '');
      assert.match(run.exchanges[0]?.sent ?? '', /user_id=bob/);
      assertPrivate(stage, received, 'private-news');
      await assertSignInOfAlice(stage, received);
    },
    'the endpoint lets alice enter a presence channel although the request names bob': async (stage) => {
      const received = openPusher(stage);
      const code = endpointApp
        .replace('pusher-channel', 'pusher-presence')
        .replaceAll("transport: 'ajax',", `transport: 'ajax', ${claimsBob}`);
      const run = await stage.runApp({ code: code + subscribe(['presence-team-red-lobby']), given });
      assert.equal(run.error, '');
      assert.match(run.exchanges[0]?.sent ?? '', /user_id=bob/);
      await assertPresenceOfAlice(stage, received, 'presence-team-red-lobby');
    },
    'a channel that is not listed fails with status 403, and with the reason of the broker through customHandler':
      async (stage) => {
        const channel = 'private-team-blue-news';
        const { status, body } = await stage.requestToken('pusher-channel', {
          socket_id: socketId,
          channel_name: channel,
        });
        assert.equal(status, 403);
        for (const [code, expected, expectedStatus] of [
          [
            endpointApp,
            'Unable to retrieve auth string from channel-authorization endpoint - received status: 403',
            403,
          ],
          [handlerApp, String(body['detail']), undefined],
        ] as const) {
          const { subscriptions } = openPusher(stage);
          const { result } = await stage.runApp({ code: code + subscribe([channel]), given });
          const { type, error = '', status } = (result as Outcomes)[channel] ?? {};
          assert.equal(type, 'AuthError');
          assert.ok(error.startsWith(expected), error);
          assert.equal(status, expectedStatus);
          assert.deepEqual(subscriptions, {});
        }
      },
  },
};
