import { setImmediate as turn } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { createValetClient } from './client.ts';
import type { ValetEvent } from './events.ts';
import { json, session, startFakeBroker } from '../testing/fake-broker.ts';
import { failureOf } from '../testing/failure.ts';
import { createVirtualClock } from '../testing/virtual-clock.ts';

const getAppToken = () => 'app-token';
const hourMs = 3_600_000;

test.each([hourMs, -hourMs])(
  "a step of the device's time by %i ms during a call spoils neither the offset nor the duration",
  async (stepMs) => {
    const { clock, advance, stepTime } = createVirtualClock();
    const broker = await startFakeBroker(() => {
      advance(40);
      stepTime(stepMs);
      return json({ subject: 'alice', vendors: {}, server_time: '2026-11-20T10:00:00.020Z' });
    });
    const events: ValetEvent[] = [];
    const valet = createValetClient({
      brokerUrl: broker.url,
      getAppToken,
      clock,
      onEvent: (event) => events.push(event),
    });

    await valet.session();

    expect(valet.serverTimeOffsetMs).toBe(0 - stepMs);
    expect(events[0]?.durationMs).toBe(40);
  },
);

test("the next response corrects the offset after a step of the device's time", async () => {
  const { clock, stepTime } = createVirtualClock();
  const broker = await startFakeBroker(() => session());
  const valet = createValetClient({ brokerUrl: broker.url, getAppToken, clock });

  await valet.session();
  stepTime(hourMs);
  await valet.session();

  expect(valet.serverTimeOffsetMs).toBe(-hourMs);
});

test('a clock without monotonicMs measures durations with nowMs', async () => {
  const { clock, advance } = createVirtualClock();
  const broker = await startFakeBroker(() => {
    advance(30);
    return session();
  });
  const { nowMs, schedule } = clock;
  const events: ValetEvent[] = [];
  const onEvent = (event: ValetEvent) => events.push(event);
  const valet = createValetClient({ brokerUrl: broker.url, getAppToken, clock: { nowMs, schedule }, onEvent });

  await valet.session();

  expect(events[0]?.durationMs).toBe(30);
});

/** Creates a client whose request is under way on a virtual clock. */
async function callUnderWay() {
  const response = Promise.withResolvers<void>();
  const arrived = Promise.withResolvers<void>();
  const broker = await startFakeBroker(async () => {
    arrived.resolve();
    await response.promise;
    return session();
  });
  const virtual = createVirtualClock();
  const valet = createValetClient({ brokerUrl: broker.url, getAppToken, clock: virtual.clock });
  const call = valet.session();
  await arrived.promise;
  return { call, virtual, respond: response.resolve };
}

test('a device that was suspended beyond the timeout, with the response ready, receives the response', async () => {
  const { call, virtual, respond } = await callUnderWay();

  // The timers run first after a suspension.
  virtual.advance(14_000);
  respond();

  expect(await call).toMatchObject({ subject: 'alice' });
  expect(virtual.scheduledCount()).toBe(0);
});

test('a call of a device that was suspended times out one second later if no response is ready', async () => {
  const { call, virtual } = await callUnderWay();
  const failure = failureOf(call);

  virtual.advance(14_000);
  await turn();
  virtual.advance(5000);

  expect(await failure).toMatchObject({ code: 'timeout' });
  expect(virtual.scheduledCount()).toBe(0);
});

/** Counts the listeners that a signal has. */
function countListeners(signal: AbortSignal): () => number {
  const listeners = new Set<unknown>();
  const add = signal.addEventListener.bind(signal);
  const remove = signal.removeEventListener.bind(signal);
  signal.addEventListener = (type: string, listener: never) => {
    listeners.add(listener);
    add(type, listener);
  };
  signal.removeEventListener = (type: string, listener: never) => {
    listeners.delete(listener);
    remove(type, listener);
  };
  return () => listeners.size;
}

function clientOfPlatform() {
  return createValetClient({
    brokerUrl: 'https://broker.example',
    getAppToken,
    fetch: async () => new Response('{}', { headers: { 'valet-key': 'vendor' } }),
  });
}

test("1,000 finished fetches leave no listener on the caller's signal", async () => {
  const { signal } = new AbortController();
  const listenerCount = countListeners(signal);
  const valet = clientOfPlatform();

  for (let call = 0; call < 1000; call += 1) await (await valet.fetch('nymbl', '/x', { signal })).text();
  await failureOf(valet.fetch('nymbl', '/a b', { signal }));

  expect(listenerCount()).toBe(0);
});

test("1,000 fetches whose bodies the app never reads leave at most one listener on the caller's signal", async () => {
  const { signal } = new AbortController();
  const listenerCount = countListeners(signal);
  const valet = clientOfPlatform();

  for (let call = 0; call < 1000; call += 1) await valet.fetch('nymbl', '/x', { signal });

  expect(listenerCount()).toBe(1);
});
