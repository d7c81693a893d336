/** Everything in a simulation that happens at some moment, and the chance that decides what. */
export interface World {
  readonly nowMs: () => number;
  /** Runs the callback so many milliseconds from now; the answer takes it back. */
  readonly after: (delayMs: number, callback: () => void) => () => void;
  /** A number from 0 up to 1; the same ones in the same order for one seed. */
  readonly random: () => number;
  readonly between: (least: number, most: number) => number;
  readonly chance: (probability: number) => boolean;
  /** Lets time pass until this moment. */
  readonly runUntil: (endMs: number) => Promise<void>;
}

interface Event {
  readonly atMs: number;
  readonly order: number;
  callback: (() => void) | undefined;
}

/** mulberry32: 32 bits of state are enough for chance that has to repeat, not to be secret. */
export const seededRandom = (seed: number): (() => number) => {
  let state = Math.imul(seed, 0x9e3779b1) | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
};

const before = (one: Event, other: Event): boolean =>
  one.atMs < other.atMs || (one.atMs === other.atMs && one.order < other.order);

/** Events by moment: a binary heap. */
const createAgenda = () => {
  const heap: Event[] = [];
  const swap = (one: number, other: number): void => {
    [heap[one], heap[other]] = [heap[other] as Event, heap[one] as Event];
  };
  return {
    first: () => heap[0],
    add: (event: Event): void => {
      let at = heap.push(event) - 1;
      for (let parent = (at - 1) >> 1; at > 0 && before(event, heap[parent] as Event); parent = (at - 1) >> 1) {
        swap(at, parent);
        at = parent;
      }
    },
    removeFirst: (): void => {
      const last = heap.pop() as Event;
      if (heap.length === 0) return;
      heap[0] = last;
      for (let at = 0; ;) {
        let least = at;
        for (const child of [2 * at + 1, 2 * at + 2]) {
          if (child < heap.length && before(heap[child] as Event, heap[least] as Event)) least = child;
        }
        if (least === at) return;
        swap(at, least);
        at = least;
      }
    },
  };
};

/** Microtasks run to their end before the next macrotask does, so that one turn settles every promise that can settle. */
const nextTurn = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));

export const createWorld = (seed: number): World => {
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
    between: (least, most) => least + (most - least) * random(),
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
};
