import { ValetKeyError } from '@valetkey/core-types';
import { afterEach, expect, test, vi } from 'vitest';
import { createNablaClient, createNudgeClient } from './index.ts';
import { startVendorServer } from './testing/vendor-server.ts';

afterEach(() => {
  vi.useRealTimers();
});

test('a hung vendor holds a bounded number of calls and little memory, and calls to another vendor succeed meanwhile', async () => {
  await using hung = await startVendorServer(() => undefined);
  await using healthy = await startVendorServer({ json: { token: 'a' } });
  // Time passes only when this test says so. The network is real.
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  const nabla = createNablaClient({ serverKey: 'server_sandbox-only', baseUrl: hung.url, timeoutMs: 1_500 });
  const nudge = createNudgeClient({ apiKey: 'sandbox-only', baseUrl: healthy.url, timeoutMs: 1_500 });
  const codes = new Map<string, number>();
  const memoryBefore = process.memoryUsage().heapUsed;

  const waiting = Array.from({ length: 4_000 }, async () => {
    try {
      await nabla.authenticatePatient('patient-1');
    } catch (failure) {
      const code = ValetKeyError.isInstance(failure) ? failure.code : 'foreign';
      codes.set(code, (codes.get(code) ?? 0) + 1);
    }
  });
  await new Promise(setImmediate);
  expect(codes).toEqual(new Map([['overloaded', 4_000 - 1_024]]));
  // One more call is refused before the next turn of the event loop, so it waits for no timer and no network.
  const order: unknown[] = [];
  setImmediate(() => order.push('next turn'));
  await nabla.authenticatePatient('patient-1').catch((failure: unknown) => order.push(failure));
  expect(order).toMatchObject([{ code: 'overloaded' }]);
  expect(process.memoryUsage().heapUsed - memoryBefore).toBeLessThan(64 * 2 ** 20);

  for (let count = 0; count < 50; count++) {
    expect((await nudge.getToken()).token.reveal()).toBe('a');
  }
  expect(codes.size).toBe(1);
  expect(hung.calls.length).toBeLessThanOrEqual(64);
  while (hung.calls.length < 64) await new Promise(setImmediate);

  vi.advanceTimersByTime(1_500);
  await Promise.all(waiting);
  // The calls that were sent timed out. The others waited for a socket until their deadline or until the circuit opened.
  const { vendor_timeout: timedOut = 0, overloaded = 0, vendor_unavailable: givenUp = 0 } = Object.fromEntries(codes);
  expect(timedOut).toBeGreaterThanOrEqual(64);
  expect(hung.calls.length).toBeLessThanOrEqual(timedOut);
  expect(timedOut + overloaded + givenUp).toBe(4_000);
  await expect(nabla.authenticatePatient('patient-1')).rejects.toMatchObject({ reason: 'circuit_open' });
  await Promise.all([nabla.close(), nudge.close()]);
});
