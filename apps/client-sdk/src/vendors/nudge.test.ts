import { expect, onTestFinished, test, vi } from 'vitest';
import { createValetClient } from '../client/client.ts';
import { issued, problem, startFakeBroker, type FakeResponse } from '../testing/fake-broker.ts';
import { settleAll } from '../testing/session-vendor.ts';
import { createVirtualClock } from '../testing/virtual-clock.ts';
import { nudgeRefreshToken } from './nudge.ts';

async function valetOf(respond: () => FakeResponse, getAppToken = (): string | null => 'app-token') {
  const broker = await startFakeBroker(respond);
  return { broker, valet: createValetClient({ brokerUrl: broker.url, getAppToken }) };
}

test('nudgeRefreshToken resolves with the token, and concurrent calls share one request', async () => {
  const { valet, broker } = await valetOf(() => issued('nudge', { token: 'nudge-1' }));
  const refreshToken = nudgeRefreshToken(valet, { expiry_minutes: 30 });

  expect(await Promise.all([refreshToken(), refreshToken(), refreshToken()])).toEqual([
    'nudge-1',
    'nudge-1',
    'nudge-1',
  ]);
  expect(broker.requests).toHaveLength(1);
  expect(broker.requests[0]?.body).toBe('{"expiry_minutes":30}');
});

test.each<[string, () => FakeResponse, string | null]>([
  ['a sign-out', () => issued('nudge', { token: 'nudge-1' }), null],
  ['a failure of the vendor', () => problem(503, 'vendor_unavailable'), 'app-token'],
  ['a response without a token', () => issued('nudge', {}), 'app-token'],
])('nudgeRefreshToken resolves with null after %s', async (_, respond, appToken) => {
  const { valet } = await valetOf(respond, () => appToken);

  expect(await nudgeRefreshToken(valet)()).toBeNull();
});

test('nudgeRefreshToken resolves with a token after signOut, although signOut aborted the call before', async () => {
  const { valet } = await valetOf(() => issued('nudge', { token: 'nudge-1' }));
  const refreshToken = nudgeRefreshToken(valet);

  const before = refreshToken();
  valet.signOut();
  const after = refreshToken();

  expect(await before).toBeNull();
  expect(await after).toBe('nudge-1');
});

/** Makes this process look like a browser that is offline. */
function goOffline() {
  const listeners = new EventTarget();
  const navigator = { onLine: false };
  vi.stubGlobal('navigator', navigator);
  vi.stubGlobal('addEventListener', listeners.addEventListener.bind(listeners));
  vi.stubGlobal('removeEventListener', listeners.removeEventListener.bind(listeners));
  onTestFinished(() => void vi.unstubAllGlobals());
  return () => {
    navigator.onLine = true;
    listeners.dispatchEvent(new Event('online'));
  };
}

/** Creates a client whose first requests fail as on a device without a network. */
function offlineValet(failures: number) {
  const time = createVirtualClock();
  const sent: string[] = [];
  const valet = createValetClient({
    brokerUrl: 'https://broker.example',
    getAppToken: () => 'app-token',
    clock: time.clock,
    fetch: async (url) => {
      sent.push(String(url));
      if (sent.length <= failures) throw new TypeError('offline');
      const body = { token: 'nudge-1', vendor: 'nudge', connection: 'nudge', server_time: '2026-11-20T10:00:00.000Z' };
      return new Response(JSON.stringify(body), { headers: { 'valet-key': 'broker' } });
    },
  });
  return { ...time, valet, sent };
}

test('"Returns a valid short-lived token or null": at wake, nudgeRefreshToken waits for the network instead of returning null', async () => {
  const comeOnline = goOffline();
  const { valet, sent } = offlineValet(1);

  const token = nudgeRefreshToken(valet)();
  await settleAll();
  comeOnline();

  expect(await token).toBe('nudge-1');
  expect(sent).toHaveLength(2);
});

test('nudgeRefreshToken waits once, at most 5 seconds, and not after a sign-out', async () => {
  const comeOnline = goOffline();
  const { valet, sent, advance, scheduledCount } = offlineValet(4);

  const late = nudgeRefreshToken(valet)();
  await settleAll();
  advance(5000);
  expect(await late).toBeNull();
  expect(sent).toHaveLength(1);

  const signedOut = nudgeRefreshToken(valet)();
  await settleAll();
  valet.signOut();
  expect(await signedOut).toBeNull();

  const still = nudgeRefreshToken(valet)();
  await settleAll();
  comeOnline();
  expect(await still).toBeNull();
  expect(sent).toHaveLength(4);
  expect(scheduledCount()).toBe(0);
});

test('nudgeRefreshToken asks the function of the app whether the device is online, whatever that returns', async () => {
  const { valet } = offlineValet(1);
  expect(await nudgeRefreshToken(valet, {}, { whenOnline: async () => true })()).toBe('nudge-1');

  for (const whenOnline of [
    async () => false,
    () => Promise.reject(new Error('no module')),
    async () => 'x' as never,
  ]) {
    expect(await nudgeRefreshToken(offlineValet(1).valet, {}, { whenOnline })()).toBeNull();
  }
});

test('nudgeRefreshToken gives null at once if the device is online, and on a platform without the event', async () => {
  expect(await nudgeRefreshToken(offlineValet(1).valet)()).toBeNull();
  vi.stubGlobal('navigator', { onLine: false });
  onTestFinished(() => void vi.unstubAllGlobals());
  expect(await nudgeRefreshToken(offlineValet(1).valet)()).toBeNull();
});

test('"operational immediately after user authentication": a function that was registered before gives a token at once', async () => {
  let appToken: string | null = null;
  const { valet } = await valetOf(
    () => issued('nudge', { token: 'nudge-1' }),
    () => appToken,
  );
  const refreshToken = nudgeRefreshToken(valet);
  expect(await refreshToken()).toBeNull();

  appToken = 'app-token';

  expect(await refreshToken()).toBe('nudge-1');
});

test.each([
  [{ online: true }, 'online'],
  [{ whenOnline: true }, 'whenOnline'],
  [{ maxWaitMs: 0 }, 'maxWaitMs'],
  [{ maxWaitMs: '5' }, 'maxWaitMs'],
])('nudgeRefreshToken refuses the options %j', (options, name) => {
  const { valet } = offlineValet(0);

  expect(() => nudgeRefreshToken(valet, {}, options as never)).toThrow(new RegExp(`^nudgeRefreshToken: \`${name}\``));
});
