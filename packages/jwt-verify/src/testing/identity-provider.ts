import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { JsonWebKey } from 'node:crypto';

type Respond = (request: IncomingMessage, response: ServerResponse) => void;

/** An identity provider on a local port. It records its calls. */
export interface IdentityProvider extends AsyncDisposable {
  readonly issuer: string;
  /** The paths that were called. */
  readonly calls: string[];
  /** Returns the largest number of calls that were under way at one time. */
  readonly maxConcurrentCalls: () => number;
  /** Resolves when no call is under way. A client that ends a call has closed it before its provider notices. */
  readonly idle: () => Promise<void>;
  keys: readonly object[];
  /** If set, responds to every request instead of the usual documents. */
  respond: Respond | undefined;
}

export function sendJson(response: ServerResponse, value: unknown, status = 200): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value));
}

export async function startIdentityProvider(keys: readonly JsonWebKey[] = []): Promise<IdentityProvider> {
  let concurrentCalls = 0;
  let maxConcurrentCalls = 0;
  let notifyIdle = (): void => {};
  const server: Server = createServer((request, response) => {
    provider.calls.push(request.url ?? '');
    concurrentCalls += 1;
    maxConcurrentCalls = Math.max(maxConcurrentCalls, concurrentCalls);
    response.on('close', () => {
      concurrentCalls -= 1;
      if (concurrentCalls === 0) notifyIdle();
    });
    if (provider.respond !== undefined) provider.respond(request, response);
    else if (request.url === '/.well-known/openid-configuration') {
      sendJson(response, { issuer: provider.issuer, jwks_uri: `${provider.issuer}/jwks` });
    } else if (request.url === '/jwks' || request.url === '/oauth2/jwks') sendJson(response, { keys: provider.keys });
    else sendJson(response, {}, 404);
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const { port } = server.address() as AddressInfo;
  const provider: IdentityProvider = {
    issuer: `http://127.0.0.1:${port}`,
    calls: [],
    maxConcurrentCalls: () => maxConcurrentCalls,
    idle: () =>
      new Promise((resolve) => {
        notifyIdle = resolve;
        if (concurrentCalls === 0) resolve();
      }),
    keys,
    respond: undefined,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => {
        server.close(resolve);
      });
    },
  };
  return provider;
}
