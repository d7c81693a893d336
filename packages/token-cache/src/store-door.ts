import type { Clock } from '@valetkey/core-types';
import type { Recorder } from './events.ts';
import type { TokenStore } from './store-types.ts';
import type { Timers } from './timers.ts';

/** The store gave no answer in time, or an error, or is being left alone. */
export const unavailable = Symbol('unavailable');

/** The one way to the store: every call has a deadline, and a store that failed is left alone for a while. */
export interface StoreDoor {
  readonly ask: <Answer>(call: (store: TokenStore) => Promise<Answer>) => Promise<Answer | typeof unavailable>;
  /** Like `ask`, even while the store is left alone: for what would hold others up if it were not tried. */
  readonly insist: <Answer>(call: (store: TokenStore) => Promise<Answer>) => Promise<Answer | typeof unavailable>;
  readonly reachable: () => boolean | undefined;
}

export interface StoreDoorOptions {
  readonly store: TokenStore | undefined;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly recorder: Recorder;
  readonly storeRetryMs: number;
}

/** The error's own word (`ECONNREFUSED`, `READONLY`), for an operator; never its text, which may quote anything. */
const errorWord = (error: unknown): string => {
  const { code, message } = Object(error) as { readonly code?: unknown; readonly message?: unknown };
  return /^[A-Z][A-Z_]{1,39}(?= |$)/.exec(String(code ?? message))?.[0] ?? 'error';
};

export const createStoreDoor = (options: StoreDoorOptions): StoreDoor => {
  const { store, clock, timers, recorder, storeRetryMs } = options;
  if (store === undefined) {
    const none = (): Promise<typeof unavailable> => Promise.resolve(unavailable);
    return { ask: none, insist: none, reachable: () => undefined };
  }
  let down = false;
  let probe: Promise<unknown> | undefined;
  let retryAtMs = Number.NEGATIVE_INFINITY;

  const fail = (reason: string): typeof unavailable => {
    down = true;
    retryAtMs = clock.monotonicMs() + storeRetryMs;
    recorder.record({ type: 'store_down', reason });
    return unavailable;
  };

  const insist = <Answer>(call: (store: TokenStore) => Promise<Answer>): Promise<Answer | typeof unavailable> =>
    new Promise((resolve) => {
      let settled = false;
      const cancel = timers.after(store.timeoutMs, () => {
        settled = true;
        resolve(fail('timeout'));
      });
      const settle = (answer: () => Answer | typeof unavailable): void => {
        if (settled) return;
        settled = true;
        cancel();
        resolve(answer());
      };
      // In a function of its own, so that a store that throws before it promises is one that failed, too.
      const attempt = async (): Promise<Answer> => call(store);
      attempt().then(
        (answer) =>
          settle(() => {
            if (down) recorder.record({ type: 'store_up' });
            down = false;
            return answer;
          }),
        (error: unknown) => settle(() => fail(errorWord(error))),
      );
    });

  return {
    insist,
    ask: async (call) => {
      if (!down) return insist(call);
      if (clock.monotonicMs() < retryAtMs) return unavailable;
      if (probe === undefined) {
        const probing = insist(call);
        probe = probing.finally(() => {
          probe = undefined;
        });
        return probing;
      }
      // One call finds out whether the store is back, and the others learn it from that one.
      await probe;
      return down ? unavailable : insist(call);
    },
    reachable: () => !down,
  };
};
