import { createSandbox } from '@valetkey/sandbox';
import { expect, test } from 'vitest';
import { createConfigFor, startRecordingBroker } from '../support/recording-broker.ts';
import { createVirtualClock } from '../support/virtual-clock.ts';

test('shares an account-bound client token between callers that request the same lifetime, until less than `minRemainingSeconds` remain', async () => {
  const clock = createVirtualClock();
  await using sandbox = await createSandbox({ clock });
  const config = createConfigFor(sandbox);
  const nudge = { ...config.vendors.nudge, expiryMinutes: 30, cache: { minRemainingSeconds: 600 } };
  await using broker = await startRecordingBroker({ ...config, vendors: { ...config.vendors, nudge } }, { clock });
  const issueFor = async (subject: string, body?: string) => {
    const token = await sandbox.mintUserToken({ sub: subject, expires_in: 86_400 });
    const headers = { 'content-type': 'application/json' };
    const response = await broker.issue('nudge', token, body === undefined ? {} : { headers, body });
    return (await response.json()) as { token: string; expires_in: number };
  };

  const first = await issueFor('alice');
  expect(first.expires_in).toBe(1_800);
  expect((await issueFor('bob')).token).toBe(first.token);
  expect((await issueFor('bob', '{"expiry_minutes":20}')).token).not.toBe(first.token);
  expect(sandbox.calls()['nudge']).toEqual({ 'GET /api/clients/jwt/token': 2 });

  // A token is not shared if its whole lifetime is no longer than `minRemainingSeconds`.
  const short = '{"expiry_minutes":10}';
  const [one, other] = [await issueFor('alice', short), await issueFor('bob', short)];
  expect([one.expires_in, other.expires_in]).toEqual([600, 600]);
  expect(sandbox.calls()['nudge']).toEqual({ 'GET /api/clients/jwt/token': 4 });

  clock.advance(1_201_000);
  const renewed = await issueFor('alice');
  expect(renewed.token).not.toBe(first.token);
  expect(renewed.expires_in).toBeGreaterThan(600);
});

test('reads the JSON of an app after one byte order mark, and refuses two', async () => {
  await using sandbox = await createSandbox();
  await using broker = await startRecordingBroker(createConfigFor(sandbox));
  const token = await sandbox.mintUserToken({ sub: 'alice' });
  const issue = (mark: string) =>
    broker.issue('nudge', token, {
      headers: { 'content-type': 'application/json' },
      body: Buffer.from(`${mark}{"expiry_minutes":5}`),
    });
  expect(await (await issue('\uFEFF')).json()).toMatchObject({ expires_in: 300 });
  expect(await (await issue('\uFEFF\uFEFF')).json()).toMatchObject({ code: 'invalid_request' });
});
