/** Calls under way, which equal calls can join. It is not a cache: it keeps a call only until the call settles. */
export interface SharedCalls {
  /** Joins the call under `key`, or starts one. */
  readonly join: <Result>(key: string, start: () => Promise<Result>) => Promise<Result>;
  /** Forgets the calls under way: a later equal call starts instead of joining them. */
  readonly clear: () => void;
}

export function createSharedCalls(): SharedCalls {
  const calls = new Map<string, Promise<unknown>>();
  return {
    join: <Result>(key: string, start: () => Promise<Result>) => {
      const underWay = calls.get(key);
      if (underWay !== undefined) return underWay as Promise<Result>;

      const call = start();
      // After `clear`, a later call may have the same key.
      const forget = () => void (calls.get(key) === call && calls.delete(key));
      calls.set(key, call);
      call.then(forget, forget);
      return call;
    },
    clear: () => calls.clear(),
  };
}
