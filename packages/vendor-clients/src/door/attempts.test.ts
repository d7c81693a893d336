import { ValetKeyError, type VendorEvent } from '@valetkey/core-types';
import { expect, test } from 'vitest';
import { createVirtualClock } from '../testing/virtual-clock.ts';
import { createAttempts } from './attempts.ts';

const vendor = { id: 'nabla', title: 'Nabla' };
const down = (): ValetKeyError => new ValetKeyError('vendor_unavailable', 'down', { reason: 'status_503' });

function start(random: () => number = () => 0) {
  const clock = createVirtualClock();
  const events: VendorEvent[] = [];
  const attempts = createAttempts({ vendor, clock, random, onEvent: (event) => events.push(event) });
  let sent = 0;
  const waits: number[] = [];
  /** Makes a call that ends as told; the last ending is for ever. */
  const run = (
    endings: readonly unknown[],
    repeatable = true,
    isGoodProbe = true,
    isCallers = false,
  ): Promise<unknown> => {
    let count = 0;
    return attempts.run({
      send: async () => {
        sent += 1;
        const ending = endings[Math.min(count++, endings.length - 1)];
        if (ending instanceof Error) throw ending;
        return await ending;
      },
      explain: (failure) => failure,
      repeatable,
      isGoodProbe,
      isCallers,
      wait: async (milliseconds) => void waits.push(milliseconds),
    });
  };
  return { clock, events, run, waits, sent: () => sent };
}

const failing = async (call: Promise<unknown>): Promise<string | undefined> => {
  try {
    await call;
    return undefined;
  } catch (failure) {
    return ValetKeyError.isInstance(failure) ? (failure.reason ?? failure.code) : 'foreign';
  }
};

test('passing trouble is met by another attempt, and the operator hears of it', async () => {
  const { run, sent, events } = start();
  expect(await run([down(), 'answer'])).toBe('answer');
  expect(sent()).toBe(2);
  expect(events).toEqual([{ type: 'retried', vendor: 'nabla', reason: 'status_503' }]);
});

test('a call that must not be sent twice is not', async () => {
  const { run, sent } = start();
  await expect(run([down(), 'answer'], false)).rejects.toMatchObject({ code: 'vendor_unavailable' });
  expect(sent()).toBe(1);
});

test.each(['vendor_timeout', 'vendor_rejected', 'vendor_auth_failed', 'vendor_response_invalid'] as const)(
  '%s is not asked again',
  async (code) => {
    const { run, sent } = start();
    await expect(run([new ValetKeyError(code, 'no'), 'answer'])).rejects.toMatchObject({ code });
    expect(sent()).toBe(1);
  },
);

test('repetitions stay within a tenth of the calls', async () => {
  const { run, sent } = start();
  let seed = 7;
  const random = (): number => (seed = (seed * 16_807) % 2_147_483_647) / 2_147_483_647;
  const calls = 1_000;
  for (let count = 0; count < calls; count++) {
    await run(random() < 0.3 ? [down(), random() < 0.3 ? down() : 'answer'] : ['answer']).catch(() => undefined);
  }
  expect(sent()).toBeGreaterThan(calls * 1.05);
  expect(sent()).toBeLessThanOrEqual(calls * 1.1);
});

test('a vendor that is down is left alone, then probed by one call, then called again', async () => {
  const { run, sent, clock, events } = start();
  for (let count = 0; count < 20; count++) await failing(run([down()], false));
  expect(sent()).toBe(20);
  expect(events).toEqual([{ type: 'circuit_opened', vendor: 'nabla', retryAfterSeconds: 5 }]);

  await expect(run(['answer'])).rejects.toMatchObject({
    code: 'vendor_unavailable',
    reason: 'circuit_open',
    retryAfterSeconds: 5,
  });
  clock.advance(5_000);
  const probe = run([down()], false);
  expect(await failing(run(['answer']))).toBe('circuit_open');
  expect(await failing(probe)).toBe('status_503');
  expect(sent()).toBe(21);

  clock.advance(9_999);
  expect(await failing(run(['answer']))).toBe('circuit_open');
  clock.advance(1);
  expect(await Promise.all([run(['answer']), failing(run(['answer'])), failing(run(['answer']))])).toEqual([
    'answer',
    'circuit_open',
    'circuit_open',
  ]);
  expect(events.at(-1)).toEqual({ type: 'circuit_closed', vendor: 'nabla' });
  expect(await run(['answer'])).toBe('answer');
});

test('calls that were under way when the circuit opened say nothing new when they end', async () => {
  const { run, events, clock } = start();
  const late = Array.from({ length: 30 }, () => Promise.withResolvers<never>());
  const lateCalls = late.map(({ promise }) => failing(run([promise], false)));
  for (let count = 0; count < 20; count++) await failing(run([down()], false));
  for (const { reject } of late) reject(down());
  await Promise.all(lateCalls);
  expect(events).toHaveLength(1);
  clock.advance(5_000);
  expect(await run(['answer'])).toBe('answer');
});

test('the pause grows to a minute and no further', async () => {
  const { run, clock, events } = start();
  for (let count = 0; count < 20; count++) await failing(run([down()], false));
  for (let count = 0; count < 6; count++) {
    clock.advance(60_000);
    await failing(run([down()], false));
  }
  const pauses = events.map((event) => ('retryAfterSeconds' in event ? event.retryAfterSeconds : 0));
  expect(pauses).toEqual([5, 10, 20, 40, 60, 60, 60]);
});

test('a probe whose caller left decides nothing and blocks nobody', async () => {
  const { run, clock } = start();
  for (let count = 0; count < 20; count++) await failing(run([down()], false));
  clock.advance(5_000);
  expect(await failing(run([new Error('the caller left')]))).toBe('foreign');
  expect(await run(['answer'])).toBe('answer');
});

test('refused credentials, odd answers and one failure in three leave the circuit closed', async () => {
  const { run, sent } = start();
  const endings = [
    new ValetKeyError('vendor_auth_failed', 'no'),
    new ValetKeyError('vendor_response_invalid', 'no'),
    new ValetKeyError('vendor_unavailable', 'no'),
  ];
  for (let count = 0; count < 300; count++) await failing(run([endings[count % 3]], false));
  expect(sent()).toBe(300);
});

test('a vendor that says when is not called before, and is called then', async () => {
  const { run, sent, clock } = start();
  const later = new ValetKeyError('vendor_rate_limited', 'later', { retryAfterSeconds: 30 });
  await failing(run([later]));
  clock.advance(29_001);
  await expect(run(['answer'])).rejects.toMatchObject({
    code: 'vendor_rate_limited',
    reason: 'held',
    retryAfterSeconds: 1,
  });
  expect(sent()).toBe(1);
  clock.advance(999);
  expect(await run(['answer'])).toBe('answer');
});

test('the waits between attempts grow, and are spread over all of their time', async () => {
  const most = start(() => 1);
  for (let count = 0; count < 20; count++) await most.run(['answer']);
  await failing(most.run([down()]));
  expect(most.waits).toEqual([100, 200]);
  const least = start(() => 0);
  await failing(least.run([down()]));
  expect(least.waits).toEqual([0]);
});

test('a call that somebody else may hold up is a probe only where no better one comes', async () => {
  const { run, clock, sent } = start();
  for (let count = 0; count < 20; count++) await failing(run([down()], false));
  clock.advance(5_000);
  expect(await failing(run(['answer'], false, false))).toBe('circuit_open');
  clock.advance(59_999);
  expect(await failing(run(['answer'], false, false))).toBe('circuit_open');
  expect(sent()).toBe(20);
  clock.advance(1);
  expect(await run(['answer'], false, false)).toBe('answer');
  expect(await run(['answer'], false, false)).toBe('answer');
});

test('calls that are refused here pay for no repetitions', async () => {
  const { run, clock, sent } = start();
  for (let count = 0; count < 20; count++) await failing(run([down()], false));
  for (let count = 0; count < 200; count++) expect(await failing(run(['answer']))).toBe('circuit_open');
  clock.advance(5_000);
  await run(['answer']);
  const before = sent();
  for (let count = 0; count < 10; count++) await failing(run([down(), 'answer']));
  // What the first twenty paid in, and these ten.
  expect(sent() - before).toBeLessThanOrEqual(10 + 4);
});

test('a probe that fails is not repeated, and its caller hears what it met', async () => {
  const { run, clock, events } = start();
  for (let count = 0; count < 20; count++) await failing(run([down()], false));
  clock.advance(5_000);
  expect(await failing(run([down(), 'answer']))).toBe('status_503');
  expect(events.map(({ type }) => type)).toEqual(['circuit_opened', 'circuit_opened']);
});

test('a hold is asked before the circuit, which would wait for the probe for ever', async () => {
  const { run, clock } = start();
  const later = new ValetKeyError('vendor_unavailable', 'later', { reason: 'status_503', retryAfterSeconds: 10 });
  for (let count = 0; count < 20; count++) {
    await failing(run([later], false));
    clock.advance(10_000);
  }
  await failing(run([later], false));
  clock.advance(9_000);
  expect(await failing(run(['answer']))).toBe('held');
  clock.advance(1_000);
  expect(await run(['answer'])).toBe('answer');
});

test('a vendor that names its own time with a 503 is not asked before, nor again at once', async () => {
  const { run, sent, clock } = start();
  const later = new ValetKeyError('vendor_unavailable', 'later', { reason: 'status_503', retryAfterSeconds: 30 });
  expect(await failing(run([later, 'answer']))).toBe('status_503');
  expect(sent()).toBe(1);
  // A shorter time does not take back a longer one that somebody was told meanwhile.
  expect(await failing(run(['answer']))).toBe('held');
  clock.advance(30_000);
  const { promise, reject } = Promise.withResolvers<never>();
  const early = failing(run([promise]));
  await failing(run([later]));
  reject(new ValetKeyError('vendor_rate_limited', 'sooner', { retryAfterSeconds: 1 }));
  await early;
  clock.advance(29_000);
  expect(await failing(run(['answer']))).toBe('held');
});

test('old outcomes are forgotten, and so is how long the pause once was', async () => {
  const { run, clock, events } = start();
  for (let count = 0; count < 500; count++) await run(['answer']);
  for (let count = 0; count < 30; count++) await failing(run([down()], false));
  expect(events).toHaveLength(1);
  clock.advance(5_000);
  await run(['answer']);
  for (let count = 0; count < 20; count++) await failing(run([down()], false));
  expect(events.at(-1)).toEqual({ type: 'circuit_opened', vendor: 'nabla', retryAfterSeconds: 5 });
});

test('after however long a calm, ten repetitions are saved up at the most', async () => {
  const { run, sent } = start();
  for (let count = 0; count < 1_000; count++) await run(['answer']);
  for (let count = 0; count < 29; count++) await failing(run([down(), 'answer']));
  expect(sent() - 1_000).toBe(29 + 10 + 2);
});

test('what a caller asks for may be what a vendor fails on, which says nothing of the vendor', async () => {
  const { run, sent } = start();
  const failure = (status: number) => new ValetKeyError('vendor_unavailable', 'down', { reason: `status_${status}` });
  for (let count = 0; count < 60; count++)
    await failing(run([failure(count % 2 === 0 ? 500 : 501)], false, true, true));
  expect(sent()).toBe(60);
  for (let count = 0; count < 20; count++) await failing(run([failure(502)], false, true, true));
  expect(await failing(run(['answer'], false, true, true))).toBe('circuit_open');
});
