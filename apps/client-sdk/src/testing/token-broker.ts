import { createValetClient } from '../client/client.ts';
import { problem, issued, type FakeResponse } from './fake-broker.ts';
import { createVirtualClock } from './virtual-clock.ts';

/** A request for a token that the broker received. */
export interface TokenRequest {
  readonly connection: string;
  readonly appToken: string;
}

/**
 * Creates a client on a virtual clock, and its broker, which numbers its tokens. Each one is due for a refresh after 240 seconds
 * and expires after 300.
 */
export function createTokenBroker(getAppToken: () => string | null = () => 'app-token') {
  const virtual = createVirtualClock();
  const requests: TokenRequest[] = [];
  const failures: FakeResponse[] = [];
  let fields: object = { expires_in: 300, refresh_after: 240 };
  let gate: Promise<void> = Promise.resolve();

  function respond(connection: string): FakeResponse {
    const token = `token-${requests.length} of ${connection}`;
    return failures.shift() ?? issued(connection, { token, ...fields });
  }

  const fetch = async (url: string | URL | Request, init?: RequestInit) => {
    const [, , , , , connection = ''] = String(url).split('/');
    const appToken = new Headers(init?.headers).get('authorization')?.replace('Bearer ', '') ?? '';
    requests.push({ connection, appToken });
    const { status = 200, headers, body } = respond(connection);
    await gate;
    return new Response(body ?? '', { status, headers: { ...headers, 'valet-key': 'broker' } });
  };
  const valet = createValetClient({ brokerUrl: 'https://broker.example', getAppToken, clock: virtual.clock, fetch });

  return {
    ...virtual,
    valet,
    requests,
    /** Makes the next request fail. */
    fail: (...failure: Parameters<typeof problem>) => void failures.push(problem(...failure)),
    /** Sets the fields of later tokens, apart from their numbers. */
    issueWith: (next: object) => {
      fields = next;
    },
    /** Holds the responses to later requests back until the returned function is called. */
    hold: () => {
      const { promise, resolve } = Promise.withResolvers<void>();
      gate = promise;
      return () => {
        gate = Promise.resolve();
        resolve();
      };
    },
  };
}
