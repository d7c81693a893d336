import { setImmediate } from 'node:timers/promises';
import type { Clock } from '@valetkey/core-types';
import { createSandbox, type Sandbox } from '@valetkey/sandbox';
import { expect, test } from 'vitest';
import { createConfigFor, startRecordingBroker } from '../support/recording-broker.ts';

/** The most calls through one connection that may be under way at once, sent or waiting. */
const maxCalls = 1_024;
/** The most of these calls that may be sent at once. */
const maxSentCalls = 64;
const tokenRoute = 'GET /api/clients/jwt/token';

/** A clock that stands still, so that no circuit closes and no token expires, however long the test takes. */
const frozenClock: Clock = { nowMs: () => Date.UTC(2026, 0, 1), monotonicMs: () => 0 };

/** Starts a broker with the connection `slow`, whose vendor waits for a gate, and the connections `healthy` and `nabla`. */
async function startBrokerWithSlowVendor(timeoutMs: number) {
  const { promise: opened, resolve: openGate } = Promise.withResolvers<void>();
  const slow = await createSandbox({ clock: frozenClock, sleep: () => opened });
  const healthy = await createSandbox({ clock: frozenClock });
  const { vendors, ...config } = createConfigFor(healthy, timeoutMs);
  const nudge = (sandbox: Sandbox) => ({ ...vendors.nudge, vendor: 'nudge', baseUrl: sandbox.urls.nudge });
  const broker = await startRecordingBroker(
    {
      ...config,
      log: { level: 'silent' },
      vendors: { slow: nudge(slow), healthy: nudge(healthy), nabla: vendors.nabla },
    },
    { clock: frozenClock },
  );
  const token = await healthy.mintUserToken({ sub: 'alice' });
  /** Requests a token through a connection, and returns the outcome: an error code or `issued`. */
  const issue = async (connection: string): Promise<string> => {
    const { body } = await broker.broker.app.inject({
      method: 'POST',
      url: `/v1/vendors/${connection}/token`,
      headers: { authorization: `Bearer ${token}` },
    });
    return (JSON.parse(body) as { code?: string }).code ?? 'issued';
  };
  return {
    issue,
    openGate,
    slow,
    /** Returns the number of calls that have arrived at the slow vendor. */
    arrivals: () => slow.calls().nudge[tokenRoute] ?? 0,
    [Symbol.asyncDispose]: async () => {
      openGate();
      await broker[Symbol.asyncDispose]();
      await Promise.all([slow.close(), healthy.close()]);
    },
  };
}

async function waitUntil(isReached: () => boolean): Promise<void> {
  while (!isReached()) await setImmediate();
}

const countOf = (outcomes: readonly string[], outcome: string) => outcomes.filter((one) => one === outcome).length;

test('a vendor that does not respond holds at most 1,024 calls, and no other connection waits for it', async () => {
  await using started = await startBrokerWithSlowVendor(120_000);
  const { issue, slow, arrivals, openGate } = started;
  slow.setFaults([{ vendor: 'nudge', fault: { type: 'latency', delayMs: 600_000 } }]);
  const excess = 500;
  const ended: string[] = [];
  const flood = Array.from({ length: maxCalls + excess }, async () => {
    const outcome = await issue('slow');
    ended.push(outcome);
  });

  await waitUntil(() => ended.length >= excess && arrivals() >= maxSentCalls);
  // The broker has refused the calls beyond the bound, and the vendor holds all the others.
  expect(ended).toHaveLength(excess);
  expect(countOf(ended, 'overloaded')).toBe(excess);
  expect(await issue('slow')).toBe('overloaded');

  // The other connections, of the same vendor and of another one, serve their callers meanwhile.
  const others = await Promise.all(Array.from({ length: 100 }, (_, index) => issue(index % 2 ? 'healthy' : 'nabla')));
  expect(countOf(others, 'issued')).toBe(100);
  expect(ended, 'no call to the slow vendor has ended meanwhile').toHaveLength(excess);
  expect(arrivals(), 'the broker has sent no further call').toBe(maxSentCalls);

  // When the vendor responds again, the broker sends the waiting calls, and no refused call.
  openGate();
  await Promise.all(flood);
  expect(countOf(ended, 'issued')).toBe(maxCalls);
  expect(arrivals()).toBe(maxCalls);
  expect(await issue('slow')).toBe('issued');
}, 120_000);

test('calls to a vendor that never responds end at their deadline, and the broker refuses further calls without sending them', async () => {
  await using started = await startBrokerWithSlowVendor(5_000);
  const { issue, slow, arrivals } = started;
  slow.setFaults([{ vendor: 'nudge', fault: { type: 'hang' } }]);
  const outcomes = await Promise.all(Array.from({ length: maxSentCalls }, () => issue('slow')));
  expect(countOf(outcomes, 'vendor_timeout')).toBe(maxSentCalls);
  const before = arrivals();
  const refused = await Promise.all(Array.from({ length: 100 }, () => issue('slow')));
  expect(countOf(refused, 'vendor_unavailable')).toBe(100);
  expect(arrivals()).toBe(before);
  expect(await issue('healthy')).toBe('issued');
}, 120_000);
