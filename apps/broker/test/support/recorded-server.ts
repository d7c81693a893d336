import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';

/** A request as the server received it. */
export interface RecordedRequest {
  readonly method: string;
  readonly path: string;
  readonly authorization: string | undefined;
  readonly body: string;
}

/** Starts a server on a loopback port that stands for a vendor: it keeps the requests, and sends the same JSON to each. */
export async function startRecordedServer(json: object) {
  const requests: RecordedRequest[] = [];
  let planned: { readonly status: number; readonly json: object } = { status: 200, json };
  const server = createServer((request, response) => {
    void (async () => {
      const { method = '', url: path = '', headers } = request;
      requests.push({ method, path, authorization: headers.authorization, body: await text(request) });
      response.writeHead(planned.status, { 'content-type': 'application/json' }).end(JSON.stringify(planned.json));
    })().catch(() => response.destroy());
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    /** From now on, refuses each request with this status. */
    refuse(status: number): void {
      planned = { status, json: { error: 'refused' } };
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

export type RecordedServer = Awaited<ReturnType<typeof startRecordedServer>>;
