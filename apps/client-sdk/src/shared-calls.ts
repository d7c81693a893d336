/** Calls under way that others may join. Nothing outlives its call: this is no cache. */
export interface SharedCalls {
  /** Joins the call under `key`, or starts it. */
  readonly join: <Result>(key: string, start: () => Promise<Result>) => Promise<Result>;
  /** From here on nobody joins what is under way. */
  readonly clear: () => void;
}

export function createSharedCalls(): SharedCalls {
  const calls = new Map<string, Promise<unknown>>();
  return {
    join: <Result>(key: string, start: () => Promise<Result>) => {
      const underWay = calls.get(key);
      if (underWay !== undefined) return underWay as Promise<Result>;

      const call = start();
      // After `clear` the key may be a successor's.
      const leave = () => void (calls.get(key) === call && calls.delete(key));
      calls.set(key, call);
      call.then(leave, leave);
      return call;
    },
    clear: () => calls.clear(),
  };
}
