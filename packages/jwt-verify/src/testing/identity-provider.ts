import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { JsonWebKey } from 'node:crypto';

type Answer = (request: IncomingMessage, response: ServerResponse) => void;

/** An identity provider on a local port that counts who asks it for keys. */
export interface IdentityProvider extends AsyncDisposable {
  readonly issuer: string;
  readonly calls: string[];
  readonly callsTo: (path: string) => number;
  /** Most calls that were under way at one time. */
  readonly mostConcurrent: () => number;
  keys: readonly object[];
  /** Answers in place of the usual documents. */
  answer: Answer | undefined;
}

export function sendJson(response: ServerResponse, value: unknown, status = 200): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value));
}

export async function startIdentityProvider(keys: readonly JsonWebKey[] = []): Promise<IdentityProvider> {
  let concurrent = 0;
  let mostConcurrent = 0;
  const server: Server = createServer((request, response) => {
    provider.calls.push(request.url ?? '');
    concurrent += 1;
    mostConcurrent = Math.max(mostConcurrent, concurrent);
    response.on('close', () => {
      concurrent -= 1;
    });
    if (provider.answer !== undefined) provider.answer(request, response);
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
    callsTo: (path) => provider.calls.filter((url) => url === path).length,
    mostConcurrent: () => mostConcurrent,
    keys,
    answer: undefined,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => {
        server.close(resolve);
      });
    },
  };
  return provider;
}
