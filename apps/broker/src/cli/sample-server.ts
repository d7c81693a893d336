import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';

/** A request as the server received it. */
export interface ReceivedRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** What the server responds to a request. */
export interface SampleResponse {
  readonly status: number;
  readonly contentType: string;
  readonly body: string;
}

export interface SampleServer extends AsyncDisposable {
  readonly url: string;
  readonly requests: readonly ReceivedRequest[];
}

/** Starts a server on a loopback port that sends these responses, one after the other, and keeps the requests. */
export async function startSampleServer(responses: readonly SampleResponse[], nowMs: number): Promise<SampleServer> {
  const requests: ReceivedRequest[] = [];
  const server = createServer((request, response) => {
    void (async () => {
      const { method = '', url: path = '' } = request;
      const headers = Object.fromEntries(
        Object.entries(request.headers).map(([name, value]) => [name, String(value ?? '')]),
      );
      const body = (await buffer(request)).toString('utf8');
      const planned = responses[requests.length];
      requests.push({ method, path, headers, body });
      response
        .writeHead(planned?.status ?? 500, {
          'content-type': planned?.contentType ?? 'text/plain',
          date: new Date(nowMs).toUTCString(),
        })
        .end(planned?.body ?? '');
    })().catch(() => response.destroy());
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    requests,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
