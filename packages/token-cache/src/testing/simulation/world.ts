/** The time and the random numbers of a simulation. */
export interface World {
  readonly nowMs: () => number;
  /** Runs the callback after this many milliseconds. The returned function cancels it. */
  readonly after: (delayMs: number, callback: () => void) => () => void;
  /** Returns a number from 0 up to 1. The same seed gives the same numbers in the same order. */
  readonly random: () => number;
  readonly between: (min: number, max: number) => number;
  readonly chance: (probability: number) => boolean;
  /** Lets time pass until this moment. */
  readonly runUntil: (endMs: number) => Promise<void>;
}

interface Event {
  readonly atMs: number;
  readonly order: number;
  callback: (() => void) | undefined;
}

/** Creates a random number generator (mulberry32). It is reproducible and fast; no secret depends on it. */
export function seededRandom(seed: number): () => number {
  let state = Math.imul(seed, 0x9e3779b1) | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

function isBefore(one: Event, other: Event): boolean {
  return one.atMs < other.atMs || (one.atMs === other.atMs && one.order < other.order);
}

/** Creates a queue (a binary heap) that returns the earliest event first. */
function createAgenda() {
  const heap: Event[] = [];

  function swap(one: number, other: number): void {
    [heap[one], heap[other]] = [heap[other] as Event, heap[one] as Event];
  }

  function add(event: Event): void {
    let at = heap.push(event) - 1;
    for (let parent = (at - 1) >> 1; at > 0 && isBefore(event, heap[parent] as Event); parent = (at - 1) >> 1) {
      swap(at, parent);
      at = parent;
    }
  }

  function removeFirst(): void {
    const last = heap.pop() as Event;
    if (heap.length === 0) return;
    heap[0] = last;
    for (let at = 0; ;) {
      let least = at;
      for (const child of [2 * at + 1, 2 * at + 2]) {
        if (child < heap.length && isBefore(heap[child] as Event, heap[least] as Event)) least = child;
      }
      if (least === at) return;
      swap(at, least);
      at = least;
    }
  }

  return { first: () => heap[0], add, removeFirst };
}

/**
 * Waits for one turn of the event loop. All microtasks run before it ends, so every promise that can settle has
 * settled.
 */
function nextTurn(): Promise<void> {
  return new Promise((resolve) => void setImmediate(resolve));
}

export function createWorld(seed: number): World {
  const random = seededRandom(seed);
  const agenda = createAgenda();
  let nowMs = 0;
  let order = 0;
  return {
    nowMs: () => nowMs,
    after: (delayMs, callback) => {
      order += 1;
      const event: Event = { atMs: nowMs + Math.max(0, delayMs), order, callback };
      agenda.add(event);
      return () => {
        event.callback = undefined;
      };
    },
    random,
    between: (min, max) => min + (max - min) * random(),
    chance: (probability) => random() < probability,
    runUntil: async (endMs) => {
      for (let event = agenda.first(); event !== undefined && event.atMs <= endMs; event = agenda.first()) {
        agenda.removeFirst();
        if (event.callback === undefined) continue;
        nowMs = event.atMs;
        event.callback();
        await nextTurn();
      }
      nowMs = endMs;
    },
  };
}
