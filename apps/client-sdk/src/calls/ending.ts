import type { Ending } from './deadline.ts';

/** Creates an end that `end` causes. */
export function createEnding(): Ending & { readonly end: () => void } {
  const listeners = new Set<() => void>();
  let ended = false;
  return {
    get ended() {
      return ended;
    },
    onEnd: (listener) => {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    end: () => {
      ended = true;
      for (const listener of listeners) listener();
      listeners.clear();
    },
  };
}
