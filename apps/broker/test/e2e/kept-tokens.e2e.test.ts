import { createSandbox } from '@valetkey/sandbox';
import { expect, test } from 'vitest';
import { configureFor, startWatchedBroker } from '../support/watched-broker.ts';

test('a token of the account is shared where the operator says so, as long as it has the life left that was asked', async () => {
  let nowMs = Date.now();
  const startedAtMs = nowMs;
  const clock = { nowMs: () => nowMs, monotonicMs: () => nowMs - startedAtMs };
  await using sandbox = await createSandbox({ clock });
  const config = configureFor(sandbox);
  const nudge = { ...config.vendors.nudge, expiryMinutes: 30, cache: { minRemainingSeconds: 600 } };
  await using broker = await startWatchedBroker({ ...config, vendors: { ...config.vendors, nudge } }, { clock });
  const tokenOf = async (subject: string, body?: string) => {
    const caller = await sandbox.mintUserToken({ sub: subject, expires_in: 86_400 });
    const headers = { 'content-type': 'application/json' };
    const answer = await broker.issue('nudge', caller, body === undefined ? {} : { headers, body });
    return (await answer.json()) as { token: string; expires_in: number };
  };

  const first = await tokenOf('alice');
  expect(first.expires_in).toBe(1_800);
  expect((await tokenOf('bob')).token).toBe(first.token);
  expect((await tokenOf('bob', '{"expiry_minutes":20}')).token).not.toBe(first.token);
  expect(sandbox.calls()['nudge']).toEqual({ 'GET /api/clients/jwt/token': 2 });

  // One that lives no longer than a shared one has to have left is for this app alone.
  const [one, other] = [await tokenOf('alice', '{"expiry_minutes":10}'), await tokenOf('bob', '{"expiry_minutes":10}')];
  expect([one.expires_in, other.expires_in]).toEqual([600, 600]);
  expect(sandbox.calls()['nudge']).toEqual({ 'GET /api/clients/jwt/token': 4 });

  nowMs += 1_201_000;
  const renewed = await tokenOf('alice');
  expect(renewed.token).not.toBe(first.token);
  expect(renewed.expires_in).toBeGreaterThan(600);
});
