import { expect, test } from 'vitest';
import { createValetClient } from '../client.ts';
import { issued, problem, startFakeBroker, type FakeResponse } from '../testing/fake-broker.ts';
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
