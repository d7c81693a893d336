import { deepEqual, equal, ok } from 'node:assert/strict';
import type { RecordStore } from './store-types.ts';

/** One thing that a store must do. `run` rejects if it does not. */
export interface ConformanceCheck {
  readonly name: string;
  readonly run: () => Promise<void>;
}

/** What {@link recordStoreConformance} checks. */
export interface RecordStoreConformanceOptions {
  /** Opens the store. Whatever it opens sees the same records, as the replicas of one deployment do. */
  readonly open: () => RecordStore | Promise<RecordStore>;
  /** Lets so many milliseconds pass. Default: waits for them. */
  readonly wait?: ((milliseconds: number) => Promise<void>) | undefined;
}

const sleep = (milliseconds: number): Promise<void> => new Promise((resolve) => void setTimeout(resolve, milliseconds));

const longMs = 60_000;
const shortMs = 60;

/** What sealed values are made of, and more of it than any token needs. */
const largeValue = `v1.key.${'aZ09-_'.repeat(4000)}`;

/**
 * The checks that a {@link RecordStore} must pass. They need no test framework: each one is a name and a function.
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
export const recordStoreConformance = (options: RecordStoreConformanceOptions): readonly ConformanceCheck[] => {
  const { open, wait = sleep } = options;

  const check = (
    name: string,
    run: (one: RecordStore, other: RecordStore, id: string) => Promise<void>,
  ): ConformanceCheck => ({
    name,
    run: async () => {
      const [one, other] = [await open(), await open()];
      try {
        await run(one, other, `conformance:{${crypto.randomUUID()}}:record`);
      } finally {
        await one.close();
        if (other !== one) await other.close();
      }
    },
  });

  const writeFor = async (store: RecordStore, id: string, value: string, lifetimeMs: number): Promise<void> => {
    const { nowMs } = await store.read(id);
    await store.write(id, value, nowMs + lifetimeMs);
  };

  const value = async (store: RecordStore, id: string): Promise<string | undefined> => (await store.read(id)).value;

  return [
    check('tells the time where there is no record', async (one, _, id) => {
      const reading = await one.read(id);
      ok(Number.isFinite(reading.nowMs), 'nowMs must be a number');
      equal(reading.value, undefined);
    }),
    check('has one clock for all, and it goes on', async (one, other, id) => {
      const { nowMs: first } = await one.read(id);
      await wait(shortMs);
      const { nowMs: second } = await other.read(id);
      ok(second - first >= shortMs / 2 && second - first < longMs, `the clock went ${second - first} ms on`);
    }),
    check('shows to others what was written, and when it ends', async (one, other, id) => {
      await writeFor(one, id, largeValue, longMs);
      const reading = await other.read(id);
      equal(reading.value, largeValue);
      const remainingMs = (reading.expiresAtMs ?? Number.POSITIVE_INFINITY) - reading.nowMs;
      ok(remainingMs > 0 && remainingMs <= longMs, `${remainingMs} ms are left of ${longMs} ms`);
    }),
    check('writes over what is there', async (one, other, id) => {
      await writeFor(one, id, 'first', longMs);
      await writeFor(other, id, 'second', longMs);
      equal(await value(one, id), 'second');
    }),
    check('forgets a record at its end', async (one, other, id) => {
      await writeFor(one, id, 'brief', shortMs);
      await wait(2 * shortMs);
      equal(await value(one, id), undefined);
      equal(await other.add(id, 'next', longMs), true);
    }),
    check('never shows a record whose end is past when it is written', async (one, other, id) => {
      const { nowMs } = await one.read(id);
      await one.write(id, 'late', nowMs - 1);
      equal(await value(other, id), undefined);
    }),
    check('keeps records apart', async (one, other, id) => {
      await writeFor(one, id, 'mine', longMs);
      equal(await value(other, `${id}2`), undefined);
      equal(await other.add(`${id}2`, 'theirs', longMs), true);
      equal(await value(one, id), 'mine');
    }),
    check('adds where nothing is, once', async (one, other, id) => {
      equal(await one.add(id, 'first', longMs), true);
      equal(await other.add(id, 'second', longMs), false);
      equal(await value(other, id), 'first');
    }),
    check('lets one of many add', async (one, other, id) => {
      const racers = Array.from({ length: 50 }, (_, index) => (index % 2 === 0 ? one : other));
      const added = await Promise.all(racers.map((store, index) => store.add(id, `racer-${index}`, longMs)));
      equal(added.filter(Boolean).length, 1);
      equal(await value(one, id), `racer-${added.indexOf(true)}`);
    }),
    check('ends what was added', async (one, other, id) => {
      equal(await one.add(id, 'brief', shortMs), true);
      await wait(2 * shortMs);
      equal(await value(other, id), undefined);
    }),
    check('replaces what is expected, and gives it a new end', async (one, other, id) => {
      await one.add(id, 'owner', shortMs);
      equal(await one.replace(id, 'owner', 'owner', longMs), true);
      await wait(2 * shortMs);
      equal(await value(other, id), 'owner');
      equal(await one.replace(id, 'owner', 'other', shortMs), true);
      equal(await value(other, id), 'other');
      await wait(2 * shortMs);
      equal(await value(other, id), undefined);
    }),
    check('replaces nothing else', async (one, other, id) => {
      equal(await one.replace(id, 'owner', 'owner', longMs), false);
      equal(await value(one, id), undefined);
      await other.add(id, 'other', longMs);
      equal(await one.replace(id, 'owner', 'owner', longMs), false);
      equal(await value(one, id), 'other');
    }),
    check('lets one of many replace', async (one, other, id) => {
      await one.add(id, 'start', longMs);
      const racers = Array.from({ length: 50 }, (_, index) => (index % 2 === 0 ? one : other));
      const replaced = await Promise.all(
        racers.map((store, index) => store.replace(id, 'start', `racer-${index}`, longMs)),
      );
      equal(replaced.filter(Boolean).length, 1);
    }),
    check('removes what is expected, and nothing else', async (one, other, id) => {
      equal(await one.remove(id, 'owner'), false);
      await one.add(id, 'owner', longMs);
      equal(await other.remove(id, 'somebody'), false);
      equal(await value(one, id), 'owner');
      equal(await other.remove(id, 'owner'), true);
      deepEqual([await value(one, id), await value(other, id)], [undefined, undefined]);
    }),
    check('takes one as removed by one alone', async (one, other, id) => {
      await one.add(id, 'owner', longMs);
      const removed = await Promise.all([one.remove(id, 'owner'), other.remove(id, 'owner'), one.remove(id, 'owner')]);
      equal(removed.filter(Boolean).length, 1);
    }),
  ];
};
