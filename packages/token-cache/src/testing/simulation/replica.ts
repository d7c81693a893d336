import type { Clock } from '@valetkey/core-types';
import type { Timers } from '../../renewal/timers.ts';
import type { World } from './world.ts';

/** One process of the simulated deployment, from its start to its crash. */
export interface Replica {
  readonly name: string;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly alive: () => boolean;
  /** Ends the process: none of its code runs again, and nothing is delivered to it. */
  readonly crash: () => void;
  /** Stops the process for a while, like a long garbage collection or a paused machine. */
  readonly freeze: (durationMs: number) => void;
  readonly stepWallClock: (milliseconds: number) => void;
  /** Returns the number of timers that the process set and that neither ran nor were cancelled. */
  readonly pendingTimers: () => number;
  /** Returns how many deliveries the process received before it crashed. It can crash at each of them. */
  readonly deliveries: () => number;
  /**
   * Delivers an event from outside, such as a response or a timer, by calling `callback`. A frozen process receives it
   * when the freeze ends; a crashed process never receives it.
   */
  readonly deliver: (callback: () => void) => void;
}

export interface ReplicaOptions {
  readonly name: string;
  readonly world: World;
  /** The number of the delivery at which the process crashes, instead of receiving it. */
  readonly crashAtDelivery?: number | undefined;
  readonly onCrash: () => void;
}

export function createReplica({ name, world, crashAtDelivery, onCrash }: ReplicaOptions): Replica {
  const bornMs = world.nowMs();
  // Machines agree neither on the zero of the monotonic clock nor on the time of day.
  const monotonicZeroMs = world.between(1000, 1_000_000);
  let wallOffsetMs = world.between(-5000, 5000);
  let alive = true;
  let frozenUntilMs = 0;
  let deliveries = 0;
  const timers = new Set<object>();

  function crash(): void {
    if (!alive) return;
    alive = false;
    onCrash();
  }

  function deliver(callback: () => void): void {
    if (!alive) return;
    if (world.nowMs() < frozenUntilMs) {
      world.after(frozenUntilMs - world.nowMs(), () => deliver(callback));
      return;
    }
    deliveries += 1;
    if (deliveries === crashAtDelivery) crash();
    else callback();
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
        // A timer that falls due during a freeze stays pending until the freeze ends, and can still be cancelled.
        const cancel = world.after(delayMs, () => deliver(() => void (timers.delete(timer) && callback())));
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
    deliveries: () => deliveries,
    deliver,
  };
}
