import type { Clock } from '@valetkey/core-types';
import type { Timers } from '../../timers.ts';
import type { World } from './world.ts';

/** One process of the simulated deployment, from its start to its crash. */
export interface Replica {
  readonly name: string;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly alive: () => boolean;
  /** Ends the process: nothing of it runs again, nothing it waits for ever comes. */
  readonly crash: () => void;
  /** The process stands still, as under a long garbage collection or on a paused machine. */
  readonly freeze: (durationMs: number) => void;
  readonly stepWallClock: (milliseconds: number) => void;
  /** Timers that the process has set and not taken back. */
  readonly pendingTimers: () => number;
  /** Each moment at which the process waits for something outside, and could die waiting. */
  readonly awaits: () => number;
  /** Hands something from outside to the process: never to a dead one, and to a frozen one when it thaws. */
  readonly deliver: (callback: () => void) => void;
}

export interface ReplicaOptions {
  readonly name: string;
  readonly world: World;
  /** Crash at the await with this number. */
  readonly crashAtAwait?: number | undefined;
  readonly onCrash: () => void;
}

export const createReplica = ({ name, world, crashAtAwait, onCrash }: ReplicaOptions): Replica => {
  const bornMs = world.nowMs();
  // No two machines agree on the monotonic clock's zero, nor need they on the time of day.
  const monotonicZeroMs = world.between(1000, 1_000_000);
  let wallOffsetMs = world.between(-5000, 5000);
  let alive = true;
  let frozenUntilMs = 0;
  let awaits = 0;
  const timers = new Set<object>();

  const crash = (): void => {
    if (!alive) return;
    alive = false;
    onCrash();
  };

  const deliver = (callback: () => void): void => {
    awaits += 1;
    if (awaits === crashAtAwait) crash();
    if (!alive) return;
    if (world.nowMs() >= frozenUntilMs) callback();
    else world.after(frozenUntilMs - world.nowMs(), () => deliver(callback));
  };

  return {
    name,
    clock: {
      nowMs: () => 1_700_000_000_000 + world.nowMs() + wallOffsetMs,
      monotonicMs: () => world.nowMs() - bornMs + monotonicZeroMs,
    },
    timers: {
      after: (delayMs, callback) => {
        const timer = {};
        timers.add(timer);
        const cancel = world.after(delayMs, () => {
          timers.delete(timer);
          deliver(callback);
        });
        return () => {
          timers.delete(timer);
          cancel();
        };
      },
    },
    alive: () => alive,
    crash,
    freeze: (durationMs) => {
      frozenUntilMs = Math.max(frozenUntilMs, world.nowMs() + durationMs);
    },
    stepWallClock: (milliseconds) => {
      wallOffsetMs += milliseconds;
    },
    pendingTimers: () => timers.size,
    awaits: () => awaits,
    deliver,
  };
};
