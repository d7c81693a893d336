/** Calls under way that equal calls can join. A result is never stored, so this is not a cache. */
export interface SharedCalls {
  /** Joins the call under `key`, or starts one. */
  readonly join: <Result>(key: string, start: () => Promise<Result>) => Promise<Result>;
  /** Later calls start anew instead of joining a call that is under way. */
  readonly clear: () => void;
}

export function createSharedCalls(): SharedCalls {
  const calls = new Map<string, Promise<unknown>>();
  return {
    join: <Result>(key: string, start: () => Promise<Result>) => {
      const underWay = calls.get(key);
      if (underWay !== undefined) return underWay as Promise<Result>;

      const call = start();
      // After `clear` the key may belong to a later call.
      const forget = () => void (calls.get(key) === call && calls.delete(key));
      calls.set(key, call);
      call.then(forget, forget);
      return call;
    },
    clear: () => calls.clear(),
  };
}
