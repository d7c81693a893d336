/** The time and the random numbers of a simulation. */
export interface World {
  readonly nowMs: () => number;
  /** Runs the callback after this many milliseconds. The returned function cancels it. */
  readonly after: (delayMs: number, callback: () => void) => () => void;
  /** Returns a number from `min` up to `max`. The same seed gives the same numbers in the same order. */
  readonly between: (min: number, max: number) => number;
  readonly chance: (probability: number) => boolean;
  /** Lets time pass until this moment. */
  readonly runUntil: (endMs: number) => Promise<void>;
  /** Notes what happens, for the reader of a trace. */
  readonly note: (text: string) => void;
}

interface Event {
  readonly atMs: number;
  callback: (() => void) | undefined;
}

/** Creates a random number generator (mulberry32). It is reproducible; no secret depends on it. */
function seededRandom(seed: number): () => number {
  let state = Math.imul(seed, 0x9e3779b1) | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** The timers of Node. The package itself is compiled without Node's types. */
declare const setImmediate: (callback: () => void) => unknown;

/** Waits until every promise has settled that waits for no event of the world. */
function runMicrotasks(): Promise<void> {
  return new Promise((resolve) => void setImmediate(resolve));
}

export function createWorld(seed: number, trace: (line: string) => void = () => undefined): World {
  const random = seededRandom(seed);
  /** The next event comes last. Of two events at one moment, the event that was added first comes first. */
  const agenda: Event[] = [];
  let nowMs = 0;

  function add(event: Event): void {
    let low = 0;
    let high = agenda.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((agenda[middle]?.atMs ?? 0) > event.atMs) low = middle + 1;
      else high = middle;
    }
    agenda.splice(low, 0, event);
  }

  return {
    nowMs: () => nowMs,
    after: (delayMs, callback) => {
      const event: Event = { atMs: nowMs + Math.max(0, delayMs), callback };
      add(event);
      return () => {
        event.callback = undefined;
      };
    },
    between: (min, max) => min + (max - min) * random(),
    chance: (probability) => random() < probability,
    runUntil: async (endMs) => {
      await runMicrotasks();
      for (let event = agenda.at(-1); event !== undefined && event.atMs <= endMs; event = agenda.at(-1)) {
        agenda.pop();
        if (event.callback === undefined) continue;
        nowMs = event.atMs;
        event.callback();
        await runMicrotasks();
      }
      nowMs = endMs;
    },
    note: (text) => trace(`${nowMs.toFixed(0).padStart(8)} ${text}`),
  };
}
