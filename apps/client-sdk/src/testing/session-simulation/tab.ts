import type { ValetClock } from '../../calls/clock.ts';
import type { World } from './world.ts';

/** The clocks of the device on which all tabs run. */
export interface Device {
  /** Steps the wall clock, as the user of the device can. */
  readonly stepClock: (byMs: number) => void;
  /** Notes that the device sleeps for this long from now. */
  readonly sleep: (forMs: number) => void;
  readonly wallMs: () => number;
  readonly monotonicMs: () => number;
}

/** One program that shares the storage, from its start to its end. */
export interface Tab {
  readonly name: string;
  readonly clock: ValetClock;
  readonly isAlive: () => boolean;
  /** Ends the tab: none of its code runs again. */
  readonly kill: () => void;
  /** Stops the tab for a while: no timer, no response and no notice arrives until it continues. */
  readonly suspend: (forMs: number) => void;
  /** The last moment at which the tab is or was suspended. */
  readonly suspendedUntilMs: () => number;
  /** The last moment at which the storage of the tab was in trouble. */
  readonly lastTroubleMs: () => number;
  readonly noteTrouble: () => void;
  readonly pendingTimers: () => number;
  /** Runs what arrives from outside: at once, when the suspension ends, or never. */
  readonly deliver: (callback: () => void) => void;
}

export function createDevice(world: World, monotonicStandsStill: boolean): Device {
  let stepMs = 0;
  let sleptMs = 0;
  return {
    stepClock: (byMs) => {
      stepMs += byMs;
    },
    sleep: (forMs) => {
      if (monotonicStandsStill) sleptMs += forMs;
    },
    wallMs: () => 1_800_000_000_000 + world.nowMs() + stepMs,
    monotonicMs: () => world.nowMs() - sleptMs,
  };
}

export function createTab(name: string, world: World, device: Device): Tab {
  const timers = new Set<object>();
  let isAlive = true;
  let suspendedUntilMs = -Infinity;
  let lastTroubleMs = -Infinity;

  function deliver(callback: () => void): void {
    if (!isAlive) return;
    if (world.nowMs() < suspendedUntilMs) world.after(suspendedUntilMs - world.nowMs(), () => deliver(callback));
    else callback();
  }
  function schedule(task: () => void, delayMs: number): () => void {
    const timer = {};
    const dueMs = device.monotonicMs() + delayMs;
    const fire = () => {
      if (!timers.has(timer)) return;
      const leftMs = dueMs - device.monotonicMs();
      if (leftMs > 0.001) return void world.after(leftMs, () => deliver(fire));
      timers.delete(timer);
      task();
    };
    timers.add(timer);
    world.after(delayMs, () => deliver(fire));
    return () => void timers.delete(timer);
  }

  return {
    name,
    clock: { nowMs: device.wallMs, monotonicMs: device.monotonicMs, schedule },
    isAlive: () => isAlive,
    kill: () => {
      isAlive = false;
    },
    suspend: (forMs) => {
      suspendedUntilMs = Math.max(suspendedUntilMs, world.nowMs() + forMs);
    },
    suspendedUntilMs: () => suspendedUntilMs,
    lastTroubleMs: () => lastTroubleMs,
    noteTrouble: () => {
      lastTroubleMs = world.nowMs();
    },
    pendingTimers: () => timers.size,
    deliver,
  };
}
