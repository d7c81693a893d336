import { turnMs, type DeviceStorage } from '../../storage/device-storage.ts';
import type { Tab } from './tab.ts';
import type { World } from './world.ts';

interface Waiter {
  readonly tab: Tab;
  readonly begin: (isTakenOver: boolean) => void;
}

/** The turns of the tabs: one at a time, and taken over ten seconds after a tab received a turn and did not return it. */
export interface Lease {
  readonly connect: (tab: Tab) => DeviceStorage['runAlone'];
  readonly takeOvers: () => number;
}

export function createLease(world: World): Lease {
  const waiters = new Set<Waiter>();
  let owner: { readonly waiter: Waiter; readonly sinceMs: number } | undefined;
  let takeOvers = 0;
  const later = (callback: () => void) => world.after(world.between(1, 20), callback);

  function giveNext(): void {
    for (const waiter of waiters) if (!waiter.tab.isAlive()) waiters.delete(waiter);
    const [next] = waiters;
    if (next === undefined) return;
    const leftMs = owner === undefined ? 0 : owner.sinceMs + turnMs - world.nowMs();
    if (leftMs > 0) return void world.after(leftMs, giveNext);
    const isTakenOver = owner !== undefined;
    if (isTakenOver) takeOvers += 1;
    waiters.delete(next);
    owner = { waiter: next, sinceMs: world.nowMs() };
    world.note(`${next.tab.name} has the turn${isTakenOver ? ', taken over' : ''}`);
    later(() => next.tab.deliver(() => next.begin(isTakenOver)));
  }
  function giveBack(waiter: Waiter): void {
    if (owner?.waiter !== waiter) return;
    owner = undefined;
    giveNext();
  }

  return {
    takeOvers: () => takeOvers,
    connect:
      (tab) =>
      <Result>(_key: string, signal: AbortSignal, task: (turn: { isTakenOver: boolean }) => Promise<Result>) =>
        new Promise<Result>((resolve, reject) => {
          const giveUp = () => {
            waiters.delete(waiter);
            reject(new Error('The caller did not wait for its turn.'));
          };
          const ask = () =>
            later(() => {
              if (signal.aborted) return;
              waiters.add(waiter);
              giveNext();
            });
          const waiter: Waiter = {
            tab,
            begin: (isTakenOver) => {
              if (signal.aborted) return void later(() => giveBack(waiter));
              if (owner?.waiter !== waiter) return void ask();
              // The tab was suspended before its turn began.
              if (world.nowMs() - owner.sinceMs > 1000) {
                giveBack(waiter);
                return void ask();
              }
              signal.removeEventListener('abort', giveUp);
              const run = async () => task({ isTakenOver });
              const end = () => later(() => giveBack(waiter));
              run().then(resolve, reject).then(end);
            },
          };
          signal.addEventListener('abort', giveUp);
          ask();
        }),
  };
}
