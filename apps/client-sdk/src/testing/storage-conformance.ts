import { setImmediate } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import type { DeviceStorage } from '../storage/device-storage.ts';
import { createVirtualClock } from './virtual-clock.ts';

type VirtualClock = ReturnType<typeof createVirtualClock>;

/** A storage under test, in an empty place. */
export interface StorageSetting {
  /** Opens the storage for another user of the place, or again after a launch. */
  readonly open: () => DeviceStorage;
  /** Makes each access to the platform reject. */
  readonly fail: () => void;
}

const key = 'valetkey.session.acme';
const never = () => new AbortController().signal;

/** Lets the platform work until `isReady` returns true. No time passes on the virtual clock. */
export async function untilReady(isReady: () => boolean): Promise<void> {
  while (!isReady()) await setImmediate();
}

/** Tests that a storage keeps what {@link DeviceStorage} promises. */
export function describeStorage(name: string, createSetting: (time: VirtualClock) => StorageSetting): void {
  const setUp = () => {
    const time = createVirtualClock();
    const setting = createSetting(time);
    return { time, ...setting, storage: setting.open() };
  };
  /** Lets the time of all waiting calls pass until `result` settles. A wait counts as soon as it is on the clock. */
  async function letTimePass<Result>(time: VirtualClock, result: Promise<Result>): Promise<Result> {
    const outcome = { isSettled: false };
    const settle = () => (outcome.isSettled = true);
    result.then(settle, settle);
    while (!outcome.isSettled) {
      for (let round = 0; round < 20 && !outcome.isSettled; round += 1) await setImmediate();
      if (!outcome.isSettled) time.advance(250);
    }
    return result;
  }

  describe(`${name} as a storage of sessions`, () => {
    test('returns null where nothing was written', async () => {
      expect(await setUp().storage.read(key)).toBeNull();
    });

    test.each([
      ['an empty text', ''],
      ['quotes, spaces and line breaks', ' "a" \'b\'\r\n\t\\ '],
      ['other scripts and a zero', 'ключ 鍵 🔑 é \u0000'],
      ['100 kB', 'x'.repeat(100_000)],
    ])('keeps %s', async (_, text) => {
      const { storage, open } = setUp();
      const revision = await storage.replace(key, null, text);
      expect(await open().read(key)).toEqual({ text, revision });
    });

    test('keeps texts apart whose keys differ in one character', async () => {
      const { storage } = setUp();
      const keys = ['', 'a', 'A', 'a_', 'a/b', 'a b', 'a\nb', 'a_005f', 'ä', '鍵', '__proto__'];
      for (const key of keys) await storage.replace(key, null, `text of ${key}`);
      const texts = await Promise.all(keys.map(async (key) => (await storage.read(key))?.text));
      expect(texts).toEqual(keys.map((key) => `text of ${key}`));
    });

    test('gives each write another revision, even after another launch', async () => {
      const { open } = setUp();
      const revisions = new Set<string | null>();
      for (let launch = 0; launch < 3; launch += 1) {
        const storage = open();
        revisions.add(await storage.replace(key, null, 'same'));
        await storage.remove(key);
      }
      expect(revisions.size).toBe(3);
      expect(revisions).not.toContain(null);
    });

    test('replaces only the expected revision', async () => {
      const { storage } = setUp();
      const first = await storage.replace(key, null, 'first');
      expect(await storage.replace(key, null, 'other')).toBeNull();
      expect(await storage.replace(key, 'another', 'other')).toBeNull();
      const second = await storage.replace(key, first, 'second');
      expect(await storage.replace(key, first, 'other')).toBeNull();
      expect(await storage.read(key)).toEqual({ text: 'second', revision: second });
    });

    test('replaces nothing after a removal', async () => {
      const { storage } = setUp();
      const first = await storage.replace(key, null, 'first');
      await storage.remove(key);
      expect(await storage.replace(key, first, 'second')).toBeNull();
      expect(await storage.read(key)).toBeNull();
      await storage.remove(key);
    });

    test('lets one of ten concurrent writes win', async () => {
      const { storage, open } = setUp();
      const users = [storage, open(), storage];
      const revisions = await Promise.all(
        Array.from({ length: 10 }, (_, index) => users[index % 3]?.replace(key, null, `text ${index}`)),
      );
      const winner = revisions.findIndex((revision) => revision !== null);
      expect(revisions.filter((revision) => revision !== null)).toHaveLength(1);
      expect(await open().read(key)).toEqual({ text: `text ${winner}`, revision: revisions[winner] });
    });

    test('rejects when the platform fails, and never says that there is no text', async () => {
      const { storage, fail } = setUp();
      const revision = await storage.replace(key, null, 'text');
      fail();
      const outcomes = await Promise.allSettled([
        storage.read(key),
        storage.replace(key, revision, 'other'),
        storage.remove(key),
      ]);
      expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected']);
    });

    test('runs one task at a time, and returns what each returns', async () => {
      const { storage, open, time } = setUp();
      let running = 0;
      let most = 0;
      const run = (user: DeviceStorage, index: number) =>
        user.runAlone(key, never(), async ({ isTakenOver }) => {
          running += 1;
          most = Math.max(most, running);
          await setImmediate();
          running -= 1;
          return `${index} ${isTakenOver}`;
        });
      const users = [storage, storage, open()];
      const results = await letTimePass(time, Promise.all(users.map(run)));
      expect(results).toEqual(['0 false', '1 false', '2 false']);
      expect(most).toBe(1);
    });

    test('runs tasks of two keys at once', async () => {
      const { storage } = setUp();
      const inner = () => storage.runAlone('other', never(), async () => 'both');
      expect(await storage.runAlone(key, never(), inner)).toBe('both');
    });

    test('rejects with the error of a task, and gives the turn back', async () => {
      const { storage } = setUp();
      const failure = storage.runAlone(key, never(), () => Promise.reject(new Error('of the task')));
      await expect(failure).rejects.toThrow('of the task');
      expect(await storage.runAlone(key, never(), async ({ isTakenOver }) => isTakenOver)).toBe(false);
    });

    test('never runs a task whose caller stops waiting, and lets the next one wait', async () => {
      const { storage, time } = setUp();
      const { promise: hold, resolve: endTurn } = Promise.withResolvers<void>();
      const { promise: begun, resolve: begin } = Promise.withResolvers<void>();
      const first = storage.runAlone(key, never(), async () => {
        begin();
        await hold;
      });
      await begun;
      const controller = new AbortController();
      const tasks: string[] = [];
      const second = storage.runAlone(key, controller.signal, async () => tasks.push('second'));
      const third = storage.runAlone(key, never(), async () => tasks.push('third'));
      await setImmediate();
      controller.abort();
      await expect(second).rejects.toThrow('did not wait');
      await expect(storage.runAlone(key, controller.signal, async () => tasks.push('late'))).rejects.toThrow(
        'did not wait',
      );
      expect(tasks).toEqual([]);
      endTurn();
      await letTimePass(time, Promise.all([first, third]));
      expect(tasks).toEqual(['third']);
    });

    test('takes over a turn that was not given back for ten seconds, and its late end changes nothing', async () => {
      const { storage, time } = setUp();
      const { promise: hold, resolve: endTurn } = Promise.withResolvers<void>();
      const { promise: begun, resolve: begin } = Promise.withResolvers<void>();
      const vanished = storage.runAlone(key, never(), async () => {
        begin();
        await hold;
      });
      await begun;
      const startedAt = time.clock.nowMs();
      const next = storage.runAlone(key, never(), async ({ isTakenOver }) => {
        const waitedMs = time.clock.nowMs() - startedAt;
        endTurn();
        await vanished;
        return { isTakenOver, waited: waitedMs >= 10_000 && waitedMs < 10_600 };
      });
      expect(await letTimePass(time, next)).toEqual({ isTakenOver: true, waited: true });
      const last = storage.runAlone(key, never(), async ({ isTakenOver }) => isTakenOver);
      expect(await letTimePass(time, last)).toBe(false);
    });

    test('calls a listener after another user wrote or removed the text, until it is ended', async () => {
      const { storage, open } = setUp();
      const other = open();
      expect(other).not.toBe(storage);
      let calls = 0;
      const end = storage.watch(key, () => (calls += 1));
      await storage.replace('own', null, 'text');
      await storage.replace(key, null, 'own text');
      await other.replace('other', null, 'text');
      await other.remove(key);
      await untilReady(() => calls === 1);
      await other.replace(key, null, 'text');
      await untilReady(() => calls === 2);
      end();
      let seen = false;
      storage.watch(key, () => (seen = true));
      await other.remove(key);
      await untilReady(() => seen);
      expect(calls).toBe(2);
    });
  });
}
