import { type Clock, codeOfForeignError } from '@valetkey/core-types';
import type { TokenStore } from '../stores/store-types.ts';
import type { Timers } from './timers.ts';

/** The result of a call to a store that failed, did not respond in time, or is not called because it failed lately. */
export const unavailable = Symbol('unavailable');

type StoreCall<Result> = (store: TokenStore) => Promise<Result>;

/**
 * How renewals call the store. Every call has a deadline. After a failure there is a pause of `storeRetryMs`, in which
 * the store is not called.
 */
export interface StoreAccess {
  /** Calls the store, unless there is a pause. Never rejects. */
  readonly call: <Result>(call: StoreCall<Result>) => Promise<Result | typeof unavailable>;
  /** Calls the store even during a pause: for a call without which other replicas would have to wait. Never rejects. */
  readonly callDuringPause: <Result>(call: StoreCall<Result>) => Promise<Result | typeof unavailable>;
  /** Returns whether the last call succeeded. `undefined` without a store. */
  readonly isReachable: () => boolean | undefined;
}

/** An event of the store. */
export type StoreEvent =
  /**
   * The store failed, and this process continues without it. `reason` is `timeout`, or the code of the store's error
   * (`ECONNREFUSED`).
   */
  | { readonly type: 'store_down'; readonly reason: string }
  /** The store responds again. */
  | { readonly type: 'store_up' };

export interface StoreAccessOptions {
  readonly store: TokenStore | undefined;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly record: (event: StoreEvent) => void;
  readonly storeRetryMs: number;
}

export function createStoreAccess({ store, clock, timers, record, storeRetryMs }: StoreAccessOptions): StoreAccess {
  if (store === undefined) {
    const callNothing = (): Promise<typeof unavailable> => Promise.resolve(unavailable);
    return { call: callNothing, callDuringPause: callNothing, isReachable: () => undefined };
  }
  const openStore = store;
  let failed = false;
  let probe: Promise<unknown> | undefined;
  let pauseEndsAtMs = Number.NEGATIVE_INFINITY;

  async function callNow<Result>(call: StoreCall<Result>): Promise<Result | typeof unavailable> {
    try {
      const result = await callWithin(openStore.timeoutMs, timers, () => call(openStore));
      if (failed) record({ type: 'store_up' });
      failed = false;
      return result;
    } catch (error) {
      failed = true;
      pauseEndsAtMs = clock.monotonicMs() + storeRetryMs;
      record({ type: 'store_down', reason: reasonOf(error) });
      return unavailable;
    }
  }

  async function callOutsidePause<Result>(call: StoreCall<Result>): Promise<Result | typeof unavailable> {
    if (!failed) return callNow(call);
    if (clock.monotonicMs() < pauseEndsAtMs) return unavailable;
    if (probe === undefined) {
      const probing = callNow(call);
      probe = probing.finally(() => {
        probe = undefined;
      });
      return probing;
    }
    // The first call after a pause finds out whether the store responds. The other calls wait for its result.
    await probe;
    return failed ? unavailable : callNow(call);
  }

  return { call: callOutsidePause, callDuringPause: callNow, isReachable: () => !failed };
}

const deadlinePassed = Symbol('deadline passed');

/** Settles as the call does, or rejects with {@link deadlinePassed} after `timeoutMs` milliseconds. */
function callWithin<Result>(timeoutMs: number, timers: Timers, call: () => Promise<Result>): Promise<Result> {
  return new Promise((resolve, reject) => {
    const cancel = timers.after(timeoutMs, () => reject(deadlinePassed));
    // Inside an async function, an error that the store throws before it returns a promise becomes a rejection.
    const attempt = async (): Promise<Result> => call();
    void attempt().then(resolve, reject).finally(cancel);
  });
}

/** Returns a word for the operator's log. It never contains the text of the error, which may quote a secret. */
function reasonOf(error: unknown): string {
  return error === deadlinePassed ? 'timeout' : (codeOfForeignError(error) ?? 'error');
}
