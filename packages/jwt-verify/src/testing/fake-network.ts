type Answer = () => Response | Promise<Response>;

/** A network of one identity provider, without sockets: for tests that move time. */
export interface FakeNetwork {
  readonly fetch: typeof globalThis.fetch;
  readonly calls: string[];
  keys: readonly object[];
  /** Answers in place of the keys; `undefined` for the keys. */
  answer: Answer | undefined;
  /** While set, calls wait for it. */
  gate: Promise<void> | undefined;
}

export function createFakeNetwork(keys: readonly object[]): FakeNetwork {
  const network: FakeNetwork = {
    keys,
    calls: [],
    answer: undefined,
    gate: undefined,
    fetch: async (url) => {
      network.calls.push(String(url));
      const { answer, keys: current } = network;
      await network.gate;
      return answer === undefined ? Response.json({ keys: current }) : answer();
    },
  };
  return network;
}

/** A network error as `fetch` reports it. */
export function refuseConnection(): never {
  throw new TypeError('fetch failed', { cause: Object.assign(new Error('refused'), { code: 'ECONNREFUSED' }) });
}
