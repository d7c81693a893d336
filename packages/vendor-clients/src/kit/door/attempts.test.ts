import { ValetKeyError, type VendorEvent } from '@valetkey/core-types';
import { expect, test } from 'vitest';
import { createVirtualClock } from '../../testing/virtual-clock.ts';
import { createAttempts } from './attempts.ts';

const vendor = { id: 'nabla', title: 'Nabla' };
const down = (): ValetKeyError => new ValetKeyError('vendor_unavailable', 'down', { reason: 'status_503' });
const timeout = (): ValetKeyError => new ValetKeyError('vendor_timeout', 'no response', { reason: 'deadline' });

const plainCall = {
  explain: (failure: unknown) => failure,
  startedAtMs: 0,
  hadVendorHalfOfTime: () => true,
  isOnUsedConnection: () => false,
  repeatable: true,
  isGoodProbe: true,
  isComposedByCaller: false,
  wait: async (): Promise<void> => undefined,
};

function start(random: () => number = () => 0) {
  const clock = createVirtualClock();
  const events: VendorEvent[] = [];
  const attempts = createAttempts({ vendor, clock, random, onEvent: (event) => events.push(event) });
  let sent = 0;
  const waits: number[] = [];
  /** Runs a call whose attempts have these endings, one after the other. The last ending is used again. */
  const run = (
    endings: readonly unknown[],
    repeatable = true,
    isGoodProbe = true,
    isComposedByCaller = false,
  ): Promise<unknown> => {
    let count = 0;
    return attempts.run({
      ...plainCall,
      send: async () => {
        sent += 1;
        const ending = endings[Math.min(count++, endings.length - 1)];
        if (ending instanceof Error) throw ending;
        return await ending;
      },
      repeatable,
      isGoodProbe,
      isComposedByCaller,
      wait: async (milliseconds) => void waits.push(milliseconds),
    });
  };
  return { clock, events, run, attempts, waits, sent: () => sent };
}

/** Returns the reason or the code of the error that a call rejects with. */
const reasonOf = async (call: Promise<unknown>): Promise<string | undefined> => {
  try {
    await call;
    return undefined;
  } catch (failure) {
    return ValetKeyError.isInstance(failure) ? (failure.reason ?? failure.code) : 'foreign';
  }
};

test('a call that failed temporarily is repeated, and the operator receives an event', async () => {
  const { run, sent, events } = start();
  expect(await run([down(), 'response'])).toBe('response');
  expect(sent()).toBe(2);
  expect(events).toEqual([{ type: 'retried', vendor: 'nabla', reason: 'status_503' }]);
});

test('a call that is not repeatable is sent once', async () => {
  const { run, sent } = start();
  await expect(run([down(), 'response'], false)).rejects.toMatchObject({ code: 'vendor_unavailable' });
  expect(sent()).toBe(1);
});

test.each(['vendor_timeout', 'vendor_rejected', 'vendor_auth_failed', 'vendor_response_invalid'] as const)(
  'a call that failed with %s is not repeated',
  async (code) => {
    const { run, sent } = start();
    await expect(run([new ValetKeyError(code, 'no'), 'response'])).rejects.toMatchObject({ code });
    expect(sent()).toBe(1);
  },
);

test('repetitions stay within a tenth of the calls', async () => {
  const { run, sent } = start();
  let seed = 7;
  const random = (): number => (seed = (seed * 16_807) % 2_147_483_647) / 2_147_483_647;
  const calls = 1_000;
  for (let count = 0; count < calls; count++) {
    await run(random() < 0.3 ? [down(), random() < 0.3 ? down() : 'response'] : ['response']).catch(() => undefined);
  }
  expect(sent()).toBeGreaterThan(calls * 1.05);
  expect(sent()).toBeLessThanOrEqual(calls * 1.1);
});

test('a vendor that is down is not called during the pause, then probed by one call, then called again', async () => {
  const { run, sent, clock, events } = start();
  for (let count = 0; count < 20; count++) await reasonOf(run([down()], false));
  expect(sent()).toBe(20);
  expect(events).toEqual([{ type: 'circuit_opened', vendor: 'nabla', retryAfterSeconds: 5 }]);

  await expect(run(['response'])).rejects.toMatchObject({
    code: 'vendor_unavailable',
    reason: 'circuit_open',
    retryAfterSeconds: 5,
  });
  clock.advance(5_000);
  const probe = run([down()], false);
  expect(await reasonOf(run(['response']))).toBe('circuit_open');
  expect(await reasonOf(probe)).toBe('status_503');
  expect(sent()).toBe(21);

  clock.advance(9_999);
  expect(await reasonOf(run(['response']))).toBe('circuit_open');
  clock.advance(1);
  expect(await Promise.all([run(['response']), reasonOf(run(['response'])), reasonOf(run(['response']))])).toEqual([
    'response',
    'circuit_open',
    'circuit_open',
  ]);
  expect(events.at(-1)).toEqual({ type: 'circuit_closed', vendor: 'nabla' });
  expect(await run(['response'])).toBe('response');
});

test('calls that were under way when the circuit opened do not prolong its pause', async () => {
  const { run, events, clock } = start();
  const late = Array.from({ length: 30 }, () => Promise.withResolvers<never>());
  const lateCalls = late.map(({ promise }) => reasonOf(run([promise], false)));
  for (let count = 0; count < 20; count++) await reasonOf(run([down()], false));
  for (const { reject } of late) reject(down());
  await Promise.all(lateCalls);
  expect(events).toHaveLength(1);
  clock.advance(5_000);
  expect(await run(['response'])).toBe('response');
});

test('the pause of the circuit doubles after each failed probe, up to a minute', async () => {
  const { run, clock, events } = start();
  for (let count = 0; count < 20; count++) await reasonOf(run([down()], false));
  for (let count = 0; count < 6; count++) {
    clock.advance(60_000);
    await reasonOf(run([down()], false));
  }
  const pauses = events.map((event) => ('retryAfterSeconds' in event ? event.retryAfterSeconds : 0));
  expect(pauses).toEqual([5, 10, 20, 40, 60, 60, 60]);
});

test('a probe whose caller aborted leaves the circuit open and does not block the next probe', async () => {
  const { run, clock } = start();
  for (let count = 0; count < 20; count++) await reasonOf(run([down()], false));
  clock.advance(5_000);
  expect(await reasonOf(run([new Error('aborted')]))).toBe('foreign');
  expect(await run(['response'])).toBe('response');
});

test('the circuit stays closed if one call in three fails and the others have refused credentials or invalid responses', async () => {
  const { run, sent } = start();
  const endings = [
    new ValetKeyError('vendor_auth_failed', 'no'),
    new ValetKeyError('vendor_response_invalid', 'no'),
    new ValetKeyError('vendor_unavailable', 'no'),
  ];
  for (let count = 0; count < 300; count++) await reasonOf(run([endings[count % 3]], false));
  expect(sent()).toBe(300);
});

test('a vendor that names a pause with a 429 is not called before its end, and is called after it', async () => {
  const { run, sent, clock } = start();
  const later = new ValetKeyError('vendor_rate_limited', 'later', { retryAfterSeconds: 30 });
  await reasonOf(run([later]));
  clock.advance(29_001);
  await expect(run(['response'])).rejects.toMatchObject({
    code: 'vendor_rate_limited',
    reason: 'held',
    retryAfterSeconds: 1,
  });
  expect(sent()).toBe(1);
  clock.advance(999);
  expect(await run(['response'])).toBe('response');
});

test('the waits between attempts grow and are spread over their whole range', async () => {
  const highest = start(() => 1);
  for (let count = 0; count < 20; count++) await highest.run(['response']);
  await reasonOf(highest.run([down()]));
  expect(highest.waits).toEqual([100, 200]);
  const lowest = start(() => 0);
  await reasonOf(lowest.run([down()]));
  expect(lowest.waits).toEqual([0]);
});

test('a call that its caller may hold up is admitted as the probe only a minute after the pause', async () => {
  const { run, clock, sent } = start();
  for (let count = 0; count < 20; count++) await reasonOf(run([down()], false));
  clock.advance(5_000);
  expect(await reasonOf(run(['response'], false, false))).toBe('circuit_open');
  clock.advance(59_999);
  expect(await reasonOf(run(['response'], false, false))).toBe('circuit_open');
  expect(sent()).toBe(20);
  clock.advance(1);
  expect(await run(['response'], false, false)).toBe('response');
  expect(await run(['response'], false, false)).toBe('response');
});

test('calls that the circuit refuses add nothing to the retry budget', async () => {
  const { run, clock, sent } = start();
  for (let count = 0; count < 20; count++) await reasonOf(run([down()], false));
  for (let count = 0; count < 200; count++) expect(await reasonOf(run(['response']))).toBe('circuit_open');
  clock.advance(5_000);
  await run(['response']);
  const before = sent();
  for (let count = 0; count < 10; count++) await reasonOf(run([down(), 'response']));
  // The budget comes from the first twenty calls and from these ten.
  expect(sent() - before).toBeLessThanOrEqual(10 + 4);
});

test('a probe that fails is not repeated, and rejects with its own failure', async () => {
  const { run, clock, events } = start();
  for (let count = 0; count < 20; count++) await reasonOf(run([down()], false));
  clock.advance(5_000);
  expect(await reasonOf(run([down(), 'response']))).toBe('status_503');
  expect(events.map(({ type }) => type)).toEqual(['circuit_opened', 'circuit_opened']);
});

test('a call that waits for its repetition rejects with its own failure if the circuit opens meanwhile', async () => {
  const { run, attempts, sent } = start();
  const waiting = Promise.withResolvers<void>();
  const failure = new ValetKeyError('vendor_unavailable', 'down', { reason: 'status_502' });
  let ownAttempts = 0;
  const call = attempts.run({
    ...plainCall,
    send: async () => {
      ownAttempts += 1;
      throw failure;
    },
    wait: () => waiting.promise,
  });
  for (let count = 0; count < 20; count++) await reasonOf(run([down()], false));
  waiting.resolve();
  await expect(call).rejects.toBe(failure);
  expect(ownAttempts).toBe(1);
  // With the failure of the waiting call, these are the 20 outcomes that open the circuit.
  expect(sent()).toBe(19);
});

test('a pause that the vendor asked for is checked before the circuit, which therefore admits only probes that are sent', async () => {
  const { run, clock } = start();
  const later = new ValetKeyError('vendor_unavailable', 'later', { reason: 'status_503', retryAfterSeconds: 10 });
  for (let count = 0; count < 20; count++) {
    await reasonOf(run([later], false));
    clock.advance(10_000);
  }
  await reasonOf(run([later], false));
  clock.advance(9_000);
  expect(await reasonOf(run(['response']))).toBe('held');
  clock.advance(1_000);
  expect(await run(['response'])).toBe('response');
});

test('a vendor that names a pause with a 503 is not called before its end, and the call is not repeated', async () => {
  const { run, sent, clock } = start();
  const later = new ValetKeyError('vendor_unavailable', 'later', { reason: 'status_503', retryAfterSeconds: 30 });
  expect(await reasonOf(run([later, 'response']))).toBe('status_503');
  expect(sent()).toBe(1);
  // A later response that names a shorter pause does not shorten this one.
  expect(await reasonOf(run(['response']))).toBe('held');
  clock.advance(30_000);
  const { promise, reject } = Promise.withResolvers<never>();
  const early = reasonOf(run([promise]));
  await reasonOf(run([later]));
  reject(new ValetKeyError('vendor_rate_limited', 'sooner', { retryAfterSeconds: 1 }));
  await early;
  clock.advance(29_000);
  expect(await reasonOf(run(['response']))).toBe('held');
});

test('the circuit considers only the latest outcomes, and after a success begins with the shortest pause again', async () => {
  const { run, clock, events } = start();
  for (let count = 0; count < 500; count++) await run(['response']);
  for (let count = 0; count < 30; count++) await reasonOf(run([down()], false));
  expect(events).toHaveLength(1);
  clock.advance(5_000);
  await run(['response']);
  for (let count = 0; count < 20; count++) await reasonOf(run([down()], false));
  expect(events.at(-1)).toEqual({ type: 'circuit_opened', vendor: 'nabla', retryAfterSeconds: 5 });
});

test('the retry budget saves up ten repetitions, however many calls succeeded before', async () => {
  const { run, sent } = start();
  for (let count = 0; count < 1_000; count++) await run(['response']);
  for (let count = 0; count < 29; count++) await reasonOf(run([down(), 'response']));
  expect(sent() - 1_000).toBe(29 + 10 + 2);
});

test('a 500 or 501 to a request that a caller composed does not count against the vendor, a 502 does', async () => {
  const { run, sent } = start();
  const failure = (status: number) =>
    new ValetKeyError('vendor_unavailable', 'down', { cause: { type: 'vendor_status', status } });
  for (let count = 0; count < 60; count++)
    await reasonOf(run([failure(count % 2 === 0 ? 500 : 501)], false, true, true));
  expect(sent()).toBe(60);
  for (let count = 0; count < 20; count++) await reasonOf(run([failure(502)], false, true, true));
  expect(await reasonOf(run(['response'], false, true, true))).toBe('circuit_open');
});

test('a failure whose `reason` is status_500 counts against the vendor if its `cause` does not say so', async () => {
  const { run } = start();
  const failure = new ValetKeyError('vendor_unavailable', 'down', { reason: 'status_500' });
  for (let count = 0; count < 20; count++) await reasonOf(run([failure], false, true, true));
  expect(await reasonOf(run(['response'], false, true, true))).toBe('circuit_open');
});

const lateCall = { repeatable: false, hadVendorHalfOfTime: () => false };

/** Runs a call that waited for a socket most of its time, was then sent, and received no response in time. */
function endUnanswered({ attempts, clock }: ReturnType<typeof start>, changes: Partial<typeof plainCall> = {}) {
  const startedAtMs = clock.monotonicMs();
  clock.advance(1_000);
  const send = () => Promise.reject(timeout());
  return reasonOf(attempts.run({ ...plainCall, ...lateCall, startedAtMs, send, ...changes }));
}

test('calls that had too little time open the circuit if the vendor responded to no call since they began', async () => {
  const started = start();
  for (let count = 0; count < 20; count++) await endUnanswered(started);
  expect(started.events).toEqual([{ type: 'circuit_opened', vendor: 'nabla', retryAfterSeconds: 5 }]);
});

test('calls that had too little time do not count while the vendor responds to other calls', async () => {
  const started = start();
  const failure = new ValetKeyError('vendor_unavailable', 'down', { cause: { type: 'vendor_status', status: 500 } });
  for (let count = 0; count < 40; count++) {
    const startedAtMs = started.clock.monotonicMs();
    await reasonOf(started.run([count % 2 === 0 ? 'response' : failure], false, true, true));
    await endUnanswered(started, { startedAtMs });
  }
  expect(started.events).toEqual([]);
});

test('calls that had too little time do not count if their callers may have held them up', async () => {
  const started = start();
  for (let count = 0; count < 40; count++) await endUnanswered(started, { isGoodProbe: false });
  expect(started.events).toEqual([]);
});

test('a call that had half of its time counts against the vendor, whatever the vendor did for other calls', async () => {
  const started = start();
  for (let count = 0; count < 20; count++) {
    const startedAtMs = started.clock.monotonicMs();
    await reasonOf(started.run(['response']));
    for (let unanswered = 0; unanswered < 3; unanswered++) {
      await endUnanswered(started, { startedAtMs, hadVendorHalfOfTime: () => true });
    }
  }
  expect(started.events[0]).toEqual({ type: 'circuit_opened', vendor: 'nabla', retryAfterSeconds: 5 });
});

const dropped = Object.assign(new Error('dropped'), { code: 'CONNECTION_DROPPED' });

/** Runs a call whose attempts end with these network errors, and then succeed. */
async function runDropped(attempts: ReturnType<typeof start>['attempts'], failures: number, repeatable: boolean) {
  let sent = 0;
  const outcome = await attempts
    .run({
      ...plainCall,
      repeatable,
      explain: () => new ValetKeyError('vendor_unavailable', 'dropped', { reason: 'CONNECTION_DROPPED' }),
      send: async () => {
        sent += 1;
        if (sent <= failures) throw dropped;
        return 'done';
      },
    })
    .catch(() => 'failed');
  return { sent, outcome };
}

test('a call over a dropped connection is repeated at once, and without using up the budget', async () => {
  const { attempts, waits } = start();
  for (let count = 0; count < 50; count += 1) {
    expect(await runDropped(attempts, 1, true)).toEqual({ sent: 2, outcome: 'done' });
  }
  expect(waits).toEqual([]);
});

test('dropped connections never open the circuit', async () => {
  const { attempts, events } = start();
  for (let count = 0; count < 100; count += 1) {
    expect(await runDropped(attempts, 9, false)).toEqual({ sent: 1, outcome: 'failed' });
  }
  expect(events).toEqual([]);
});

test('a call is repeated until a connection was not dropped', async () => {
  const { attempts } = start();
  expect(await runDropped(attempts, 9, true)).toEqual({ sent: 10, outcome: 'done' });
});
