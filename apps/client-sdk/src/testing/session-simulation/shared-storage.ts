import type { DeviceStorage, StoredText } from '../../storage/device-storage.ts';
import { createLease } from './lease.ts';
import type { Tab } from './tab.ts';
import type { World } from './world.ts';

/**
 * What happens to an access. `refused` and `hung` change nothing. `unanswered` and `applied` change the storage, but the
 * tab receives no response or a failure. `late` changes it after the tab has given up. A removal is never late: no
 * platform's storage lets a removal pass a write that was sent after it.
 */
export const storageTroubles = ['refused', 'hung', 'unanswered', 'applied', 'late', 'slow'] as const;
export type StorageTrouble = (typeof storageTroubles)[number];

/** What the observer of a simulation learns about the storage. */
export interface StorageWatcher {
  /** A tab sent a write. `isTroubled`: the tab does not learn in time that it succeeded. */
  readonly sent: (tab: Tab, text: string, isTroubled: boolean) => void;
  readonly changed: (before: StoredText | null, after: StoredText | null) => void;
}

export interface SharedStorage {
  readonly connect: (tab: Tab) => DeviceStorage;
  readonly current: () => StoredText | null;
  /** The next accesses of a tab meet this trouble. */
  readonly trouble: (tab: Tab, kind: StorageTrouble, accesses: number) => void;
  readonly endTroubles: () => void;
  readonly loseNotices: (areLost: boolean) => void;
  readonly listenerCount: () => number;
  readonly takeOvers: () => number;
}

type Access = <Result>(apply: () => Result, options?: { isRemoval?: boolean; text?: string }) => Promise<Result>;

export function createSharedStorage(world: World, watcher: StorageWatcher): SharedStorage {
  const lease = createLease(world);
  const listeners = new Map<object, { readonly tab: Tab; readonly listener: () => void }>();
  const troubles = new Map<Tab, StorageTrouble[]>();
  let current: StoredText | null = null;
  let writes = 0;
  let areNoticesLost = false;
  const latencyMs = () => world.between(0, 10);

  function change(after: StoredText | null, by: Tab): void {
    const before = current;
    current = after;
    world.note(`storage: ${by.name} ${after === null ? 'removed' : `wrote ${after.revision}`}`);
    watcher.changed(before, after);
    if (areNoticesLost) return;
    for (const [key, { tab, listener }] of listeners) {
      if (tab === by) continue;
      world.after(latencyMs(), () => tab.deliver(() => listeners.has(key) && listener()));
    }
  }

  function accessOf(tab: Tab): Access {
    return (apply, { isRemoval = false, text } = {}) => {
      const drawn = troubles.get(tab)?.shift();
      const trouble = isRemoval && drawn === 'late' ? 'refused' : drawn;
      if (text !== undefined) watcher.sent(tab, text, trouble !== undefined);
      if (trouble !== undefined) {
        tab.noteTrouble();
        world.note(`storage: an access of ${tab.name} is ${trouble}`);
      }
      return new Promise((resolve, reject) => {
        const respond = (run: () => void) => world.after(latencyMs(), () => tab.deliver(run));
        const fail = () => respond(() => reject(new Error('a canary of the storage')));
        const delayMs =
          trouble === 'late'
            ? world.between(5100, 20_000)
            : trouble === 'slow'
              ? world.between(500, 4500)
              : latencyMs();
        world.after(delayMs, () => {
          if (trouble === 'hung') return undefined;
          if (trouble === 'refused') return void fail();
          const result = apply();
          if (trouble === 'applied') fail();
          else if (trouble !== 'unanswered') respond(() => resolve(result));
        });
      });
    };
  }

  function connect(tab: Tab): DeviceStorage {
    const access = accessOf(tab);
    return {
      read: () => access(() => current),
      replace: (_key, expected, text) =>
        access(
          () => {
            if ((current?.revision ?? null) !== expected) return null;
            writes += 1;
            change({ text, revision: `r${writes}` }, tab);
            return `r${writes}`;
          },
          { text },
        ),
      remove: () => access(() => void (current !== null && change(null, tab)), { isRemoval: true }),
      runAlone: lease.connect(tab),
      watch: (_key, listener) => {
        const key = {};
        listeners.set(key, { tab, listener });
        return () => void listeners.delete(key);
      },
    };
  }

  return {
    connect,
    current: () => current,
    trouble: (tab, kind, accesses) =>
      void troubles.set(
        tab,
        Array.from({ length: accesses }, () => kind),
      ),
    endTroubles: () => troubles.clear(),
    loseNotices: (areLost) => {
      areNoticesLost = areLost;
    },
    listenerCount: () => [...listeners.values()].filter(({ tab }) => tab.isAlive()).length,
    takeOvers: lease.takeOvers,
  };
}
