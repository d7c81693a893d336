import type { Clock } from '@valetkey/core-types';
import type { Timers } from '../../renewal/timers.ts';
import type { World } from './world.ts';

/** One process of the simulated deployment, from its start to its crash. */
export interface Replica {
  readonly name: string;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly alive: () => boolean;
  /** Ends the process: none of its code runs again, and nothing reaches it. */
  readonly crash: () => void;
  /** Stops the process for a while, like a long garbage collection or a paused machine. */
  readonly freeze: (durationMs: number) => void;
  readonly stepWallClock: (milliseconds: number) => void;
  /** Returns the number of timers that the process set and neither ran nor cancelled. */
  readonly pendingTimers: () => number;
  /** Returns how many times something from outside arrived: the moments at which the process can crash. */
  readonly awaits: () => number;
  /** Delivers something from outside: never to a crashed process, and to a frozen process when it continues. */
  readonly deliver: (callback: () => void) => void;
}

export interface ReplicaOptions {
  readonly name: string;
  readonly world: World;
  /** Crash at the await with this number. */
  readonly crashAtAwait?: number | undefined;
  readonly onCrash: () => void;
}

export function createReplica({ name, world, crashAtAwait, onCrash }: ReplicaOptions): Replica {
  const bornMs = world.nowMs();
  // Machines agree neither on the zero of the monotonic clock nor on the time of day.
  const monotonicZeroMs = world.between(1000, 1_000_000);
  let wallOffsetMs = world.between(-5000, 5000);
  let alive = true;
  let frozenUntilMs = 0;
  let awaits = 0;
  const timers = new Set<object>();

  function crash(): void {
    if (!alive) return;
    alive = false;
    onCrash();
  }

  function deliver(callback: () => void): void {
    awaits += 1;
    if (awaits === crashAtAwait) crash();
    if (!alive) return;
    if (world.nowMs() >= frozenUntilMs) callback();
    else world.after(frozenUntilMs - world.nowMs(), () => deliver(callback));
  }

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
}
