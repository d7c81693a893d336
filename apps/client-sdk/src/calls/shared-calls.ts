/** Calls under way, which equal calls can join. It is not a cache: it keeps a call only until the call settles. */
export interface SharedCalls {
  /** Joins the call under `key`, or starts one. */
  readonly join: <Result>(key: string, start: () => Promise<Result>) => Promise<Result>;
}

export function createSharedCalls(): SharedCalls {
  const calls = new Map<string, Promise<unknown>>();
  return {
    join: <Result>(key: string, start: () => Promise<Result>) => {
      const underWay = calls.get(key);
      if (underWay !== undefined) return underWay as Promise<Result>;

      const call = start();
      const forget = () => void calls.delete(key);
      calls.set(key, call);
      call.then(forget, forget);
      return call;
    },
  };
}
