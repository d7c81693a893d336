type Respond = () => Response | Promise<Response>;

/** The network of one identity provider, without sockets: for tests that move a virtual clock. */
export interface FakeNetwork {
  readonly fetch: typeof globalThis.fetch;
  /** The URLs that were called. */
  readonly calls: string[];
  keys: readonly object[];
  /** If set, responds to every call instead of the keys. */
  respond: Respond | undefined;
  /** If set, every call waits for this promise before its response. */
  gate: Promise<void> | undefined;
}

export function createFakeNetwork(keys: readonly object[]): FakeNetwork {
  const network: FakeNetwork = {
    keys,
    calls: [],
    respond: undefined,
    gate: undefined,
    fetch: async (url) => {
      network.calls.push(String(url));
      const { respond, keys: current } = network;
      await network.gate;
      return respond === undefined ? Response.json({ keys: current }) : respond();
    },
  };
  return network;
}

/** Throws a network error as `fetch` reports it. */
export function refuseConnection(): never {
  throw new TypeError('fetch failed', { cause: Object.assign(new Error('refused'), { code: 'ECONNREFUSED' }) });
}
