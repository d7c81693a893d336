import { ValetKeyError, type VendorEvent } from '@valetkey/core-types';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { HoldingDispatcher } from '../../testing/holding-dispatcher.ts';
import { createVirtualClock } from '../../testing/virtual-clock.ts';
import { openDoor } from './door.ts';
import { maxSockets } from './call-limits.ts';

const vendor = { id: 'vital', title: 'Vital' };
const timeoutMs = 1_000;
const stepMs = 20;
/** The calls of each step: enough to make a call wait for a socket most of its time, and too few to fill the bulkhead. */
const callsPerStep = 16;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
});
afterEach(() => {
  vi.useRealTimers();
});

/** Floods a door with calls on a virtual clock. `isOpen` returns whether its circuit has opened. */
function startFlood() {
  const { advance, ...clock } = createVirtualClock();
  const dispatcher = new HoldingDispatcher();
  const events: VendorEvent[] = [];
  const dependencies = { clock, dispatcher, onEvent: (event: VendorEvent) => events.push(event) };
  const door = openDoor({ vendor, baseUrl: 'https://api.example', timeoutMs }, dependencies);
  const failures = new Map<string, number>();

  async function send(): Promise<void> {
    try {
      await door.begin().send({ method: 'GET', path: '/x' });
    } catch (failure) {
      const reason = ValetKeyError.isInstance(failure) ? String(failure.reason) : 'foreign';
      failures.set(reason, (failures.get(reason) ?? 0) + 1);
    }
  }

  /** Passes time in steps. In each step, calls begin, and `respond` may respond to calls that are held. */
  async function pass(milliseconds: number, respond: () => void = () => undefined): Promise<void> {
    for (let passedMs = 0; passedMs < milliseconds; passedMs += stepMs) {
      for (let count = 0; count < callsPerStep; count += 1) void send();
      respond();
      advance(stepMs);
      vi.advanceTimersByTime(stepMs);
      // The bulkhead passes on one socket per turn of the event loop.
      for (let turn = 0; turn < 2 * maxSockets; turn += 1) await new Promise(setImmediate);
    }
  }

  const respondTo = (count: number) => {
    for (const call of [...dispatcher.held].slice(0, count)) call.respond();
  };
  const isOpen = () => events.some(({ type }) => type === 'circuit_opened');
  return { pass, respondTo, isOpen, failures };
}

test('the circuit of a vendor that begins to hang opens, although every call waits for a socket most of its time', async () => {
  const { pass, respondTo, isOpen, failures } = startFlood();
  await pass(800);
  respondTo(maxSockets);
  await pass(timeoutMs);
  expect(isOpen(), 'the vendor responded since the calls of that time began').toBe(false);
  await pass(timeoutMs / 2);
  expect(isOpen()).toBe(true);
  expect(failures.get('circuit_open')).toBeGreaterThan(0);
});

test('the circuit of a vendor that responds to some calls stays closed, although most calls have too little time', async () => {
  const { pass, respondTo, isOpen, failures } = startFlood();
  await pass(5_000, () => respondTo(3));
  expect(failures.get('deadline'), 'calls that were sent too late').toBeGreaterThan(1_000);
  expect(isOpen()).toBe(false);
});

test('a call that was sent rejects with vendor_timeout, however late it was sent, and one that was not with overloaded', async () => {
  const { advance, ...clock } = createVirtualClock();
  const dispatcher = new HoldingDispatcher();
  const door = openDoor({ vendor, baseUrl: 'https://api.example', timeoutMs }, { clock, dispatcher });
  const send = () =>
    door
      .begin()
      .send({ method: 'POST', path: '/x' })
      .then(
        () => 'sent',
        ({ code }: ValetKeyError) => code,
      );
  const pass = async (milliseconds: number) => {
    advance(milliseconds);
    vi.advanceTimersByTime(milliseconds);
    for (let turn = 0; turn < 2 * maxSockets; turn += 1) await new Promise(setImmediate);
  };
  const holders = Array.from({ length: maxSockets }, send);
  await pass(0);
  const [late, never] = [send(), send()];
  await pass(timeoutMs * 0.9);
  for (const call of [...dispatcher.held].slice(0, 1)) call.respond();
  await pass(timeoutMs * 0.05);
  expect(dispatcher.held.size, 'the late call has the socket that became free').toBe(maxSockets);
  // The holders and the waiting calls began at the same moment; a holder's end gives no socket to a call that has ended.
  await pass(timeoutMs);
  expect(await Promise.all([late, never])).toEqual(['vendor_timeout', 'overloaded']);
  expect(new Set(await Promise.all(holders))).toEqual(new Set(['sent', 'vendor_timeout']));
});
