import { type Clock, codeOfForeignError } from '@valetkey/core-types';
import type { TokenStore } from '../stores/store-types.ts';
import type { Timers } from './timers.ts';

/** The result of a call to a store that did not respond in time, that failed, or that is left alone after a failure. */
export const unavailable = Symbol('unavailable');

type StoreCall<Result> = (store: TokenStore) => Promise<Result>;

/** The only way to the store: every call has a deadline, and a store that failed is left alone for a while. */
export interface StoreDoor {
  readonly ask: <Result>(call: StoreCall<Result>) => Promise<Result | typeof unavailable>;
  /** Like `ask`, but also while the store is left alone: for a call whose absence would hold other replicas up. */
  readonly insist: <Result>(call: StoreCall<Result>) => Promise<Result | typeof unavailable>;
  /** Returns whether the last call succeeded, or `undefined` without a store. */
  readonly isReachable: () => boolean | undefined;
}

/** What the door reports. */
export type StoreEvent =
  /**
   * The store failed, and this process continues without it. `reason` is `timeout`, or the code of the store's error
   * (`ECONNREFUSED`).
   */
  | { readonly type: 'store_down'; readonly reason: string }
  /** The store responds again. */
  | { readonly type: 'store_up' };

export interface StoreDoorOptions {
  readonly store: TokenStore | undefined;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly record: (event: StoreEvent) => void;
  readonly storeRetryMs: number;
}

export function createStoreDoor({ store, clock, timers, record, storeRetryMs }: StoreDoorOptions): StoreDoor {
  if (store === undefined) {
    const none = (): Promise<typeof unavailable> => Promise.resolve(unavailable);
    return { ask: none, insist: none, isReachable: () => undefined };
  }
  const openStore = store;
  let down = false;
  let probe: Promise<unknown> | undefined;
  let retryAtMs = Number.NEGATIVE_INFINITY;

  async function insist<Result>(call: StoreCall<Result>): Promise<Result | typeof unavailable> {
    try {
      const result = await callWithin(openStore.timeoutMs, timers, () => call(openStore));
      if (down) record({ type: 'store_up' });
      down = false;
      return result;
    } catch (error) {
      down = true;
      retryAtMs = clock.monotonicMs() + storeRetryMs;
      record({ type: 'store_down', reason: reasonOf(error) });
      return unavailable;
    }
  }

  async function ask<Result>(call: StoreCall<Result>): Promise<Result | typeof unavailable> {
    if (!down) return insist(call);
    if (clock.monotonicMs() < retryAtMs) return unavailable;
    if (probe === undefined) {
      const probing = insist(call);
      probe = probing.finally(() => {
        probe = undefined;
      });
      return probing;
    }
    // One call finds out whether the store is back; the others wait for its result.
    await probe;
    return down ? unavailable : insist(call);
  }

  return { ask, insist, isReachable: () => !down };
}

const deadlinePassed = Symbol('deadline passed');

/** Settles as the call does, or rejects with {@link deadlinePassed} after `timeoutMs` milliseconds. */
function callWithin<Result>(timeoutMs: number, timers: Timers, call: () => Promise<Result>): Promise<Result> {
  return new Promise((resolve, reject) => {
    const cancel = timers.after(timeoutMs, () => reject(deadlinePassed));
    // An async function of its own turns what the store throws before it returns a promise into a rejection.
    const attempt = async (): Promise<Result> => call();
    void attempt().then(resolve, reject).finally(cancel);
  });
}

/** Returns a word for the operator's log. The text of the error may quote anything, so it is never read. */
function reasonOf(error: unknown): string {
  return error === deadlinePassed ? 'timeout' : (codeOfForeignError(error) ?? 'error');
}
