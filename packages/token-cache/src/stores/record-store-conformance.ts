import { deepEqual, equal, ok } from 'node:assert/strict';
import type { RecordStore } from './store-types.ts';

/** One requirement of a store. `run` rejects with an `AssertionError` if the store does not meet it. */
export interface ConformanceCheck {
  readonly name: string;
  readonly run: () => Promise<void>;
}

/** The options of {@link recordStoreConformance}. */
export interface RecordStoreConformanceOptions {
  /** Opens the store. It is called twice per check, and both stores must see the same records, like two replicas do. */
  readonly open: () => RecordStore | Promise<RecordStore>;
  /** Lets this many milliseconds pass. Default: waits in real time. */
  readonly wait?: ((milliseconds: number) => Promise<void>) | undefined;
}

interface CheckContext {
  readonly one: RecordStore;
  readonly other: RecordStore;
  readonly id: string;
  readonly wait: (milliseconds: number) => Promise<void>;
}

type Checks = Readonly<Record<string, (context: CheckContext) => Promise<void>>>;

/** A lifetime that is longer than any check. */
const longMs = 60_000;
/** A lifetime that is long enough for a few calls to a busy store. */
const mediumMs = 1000;
/** A lifetime that is short enough for a check to wait until it ends. */
const shortMs = 60;

/** A value with the characters of sealed values, longer than any sealed token. */
const largeValue = `v1.key.${'aZ09-_'.repeat(4000)}`;

const readingChecks: Checks = {
  'returns the time if there is no record': async ({ one, id }) => {
    const reading = await one.read(id);
    ok(Number.isFinite(reading.nowMs), 'nowMs must be a number');
    equal(reading.value, undefined);
  },
  'shows all readers the same clock, which advances': async ({ one, other, id, wait }) => {
    const { nowMs: first } = await one.read(id);
    await wait(shortMs);
    const { nowMs: second } = await other.read(id);
    ok(second - first >= shortMs / 2 && second - first < longMs, `the clock advanced by ${second - first} ms`);
  },
  'shows a written value and its expiry to other readers': async ({ one, other, id }) => {
    await writeFor(one, id, largeValue, longMs);
    const reading = await other.read(id);
    equal(reading.value, largeValue);
    const remainingMs = (reading.expiresAtMs ?? Number.POSITIVE_INFINITY) - reading.nowMs;
    ok(remainingMs > 0 && remainingMs <= longMs, `${remainingMs} ms remain of ${longMs} ms`);
  },
  'overwrites an existing value': async ({ one, other, id }) => {
    await writeFor(one, id, 'first', longMs);
    await writeFor(other, id, 'second', longMs);
    equal(await valueOf(one, id), 'second');
  },
  'removes a written record when it expires': async ({ one, other, id, wait }) => {
    await writeFor(one, id, 'brief', shortMs);
    await wait(2 * shortMs);
    equal(await valueOf(one, id), undefined);
    equal(await other.add(id, 'next', longMs), true);
  },
  'never shows a record that was written with a past expiry': async ({ one, other, id }) => {
    const { nowMs } = await one.read(id);
    await one.write(id, 'late', nowMs - 1);
    equal(await valueOf(other, id), undefined);
  },
  'keeps records with different ids apart': async ({ one, other, id }) => {
    await writeFor(one, id, 'mine', longMs);
    equal(await valueOf(other, `${id}2`), undefined);
    equal(await other.add(`${id}2`, 'theirs', longMs), true);
    equal(await valueOf(one, id), 'mine');
  },
};

const addingChecks: Checks = {
  'adds a record once': async ({ one, other, id }) => {
    equal(await one.add(id, 'first', longMs), true);
    equal(await other.add(id, 'second', longMs), false);
    equal(await valueOf(other, id), 'first');
  },
  'adds a record for exactly one of many concurrent callers': async ({ one, other, id }) => {
    const racers = racersOf(one, other);
    const added = await Promise.all(racers.map((store, index) => store.add(id, `racer-${index}`, longMs)));
    equal(added.filter(Boolean).length, 1);
    equal(await valueOf(one, id), `racer-${added.indexOf(true)}`);
  },
  'removes an added record when it expires': async ({ one, other, id, wait }) => {
    equal(await one.add(id, 'brief', shortMs), true);
    await wait(2 * shortMs);
    equal(await valueOf(other, id), undefined);
  },
};

const replacingChecks: Checks = {
  'replaces the expected value and its expiry': async ({ one, other, id, wait }) => {
    await one.add(id, 'owner', mediumMs);
    equal(await one.replace(id, 'owner', 'owner', longMs), true);
    await wait(mediumMs + shortMs);
    equal(await valueOf(other, id), 'owner');
    equal(await one.replace(id, 'owner', 'other', longMs), true);
    equal(await valueOf(other, id), 'other');
    equal(await one.replace(id, 'other', 'brief', shortMs), true);
    await wait(2 * shortMs);
    equal(await valueOf(other, id), undefined);
  },
  'does not replace a value other than the expected one': async ({ one, other, id }) => {
    equal(await one.replace(id, 'owner', 'owner', longMs), false);
    equal(await valueOf(one, id), undefined);
    await other.add(id, 'other', longMs);
    equal(await one.replace(id, 'owner', 'owner', longMs), false);
    equal(await valueOf(one, id), 'other');
  },
  'replaces a value for exactly one of many concurrent callers': async ({ one, other, id }) => {
    await one.add(id, 'start', longMs);
    const racers = racersOf(one, other);
    const replaced = await Promise.all(
      racers.map((store, index) => store.replace(id, 'start', `racer-${index}`, longMs)),
    );
    equal(replaced.filter(Boolean).length, 1);
  },
};

const removingChecks: Checks = {
  'removes only the expected value': async ({ one, other, id }) => {
    equal(await one.remove(id, 'owner'), false);
    await one.add(id, 'owner', longMs);
    equal(await other.remove(id, 'another'), false);
    equal(await valueOf(one, id), 'owner');
    equal(await other.remove(id, 'owner'), true);
    deepEqual([await valueOf(one, id), await valueOf(other, id)], [undefined, undefined]);
  },
  'reports a removal to exactly one of many concurrent callers': async ({ one, other, id }) => {
    await one.add(id, 'owner', longMs);
    const removed = await Promise.all([one.remove(id, 'owner'), other.remove(id, 'owner'), one.remove(id, 'owner')]);
    equal(removed.filter(Boolean).length, 1);
  },
};

/**
 * Returns the checks that a {@link RecordStore} must pass. They need no test framework: each check is a name and a
 * function.
 *
 * @example
 * ```ts
 * import { createMemoryRecords, recordStoreConformance } from '@valetkey/token-cache/conformance';
 *
 * const records = createMemoryRecords();
 * for (const { name, run } of recordStoreConformance({ open: () => records })) {
 *   await run(); // or, in a test file: test(name, run)
 *   console.log('ok', name);
 * }
 * ```
 */
export function recordStoreConformance(options: RecordStoreConformanceOptions): readonly ConformanceCheck[] {
  const { open, wait = sleep } = options;
  const checks: Checks = { ...readingChecks, ...addingChecks, ...replacingChecks, ...removingChecks };
  return Object.entries(checks).map(([name, check]) => ({
    name,
    run: async () => {
      const [one, other] = [await open(), await open()];
      try {
        await check({ one, other, id: `conformance:{${crypto.randomUUID()}}:record`, wait });
      } finally {
        await one.close();
        if (other !== one) await other.close();
      }
    },
  }));
}

async function writeFor(store: RecordStore, id: string, value: string, lifetimeMs: number): Promise<void> {
  const { nowMs } = await store.read(id);
  await store.write(id, value, nowMs + lifetimeMs);
}

async function valueOf(store: RecordStore, id: string): Promise<string | undefined> {
  return (await store.read(id)).value;
}

/** Returns the stores of 50 concurrent callers: 25 call `one`, 25 call `other`. */
function racersOf(one: RecordStore, other: RecordStore): RecordStore[] {
  return Array.from({ length: 50 }, (_, index) => (index % 2 === 0 ? one : other));
}

function sleep(milliseconds: number): Promise<void> {
  return new Promise((resolve) => void setTimeout(resolve, milliseconds));
}
