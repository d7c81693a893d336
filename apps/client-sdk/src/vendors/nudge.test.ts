import { expect, test } from 'vitest';
import { createValetClient } from '../client.ts';
import { issued, problem, startBroker, type Answer } from '../testing/broker.ts';
import { nudgeRefreshToken } from './nudge.ts';

async function valetOf(answer: () => Answer, getAppToken = (): string | null => 'app-token') {
  const broker = await startBroker(answer);
  return { broker, valet: createValetClient({ brokerUrl: broker.url, getAppToken }) };
}

test('answers the token, and asks at the same time are one request', async () => {
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

test.each<[string, () => Answer, string | null]>([
  ['signed out', () => issued('nudge', { token: 'nudge-1' }), null],
  ['a broker that is down', () => problem(503, 'vendor_unavailable'), 'app-token'],
  ['an answer without a token', () => issued('nudge', {}), 'app-token'],
])('%s is null', async (_, answer, appToken) => {
  const { valet } = await valetOf(answer, () => appToken);

  expect(await nudgeRefreshToken(valet)()).toBeNull();
});

test('the first ask after signOut is not caught up in what signOut ended', async () => {
  const { valet } = await valetOf(() => issued('nudge', { token: 'nudge-1' }));
  const refreshToken = nudgeRefreshToken(valet);

  const before = refreshToken();
  valet.signOut();
  const after = refreshToken();

  expect(await before).toBeNull();
  expect(await after).toBe('nudge-1');
});
