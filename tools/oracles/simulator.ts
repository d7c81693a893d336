import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import type { Outcome } from './define-oracle.ts';
import { originHeader, setSimulatorPort } from './redirected-requests.ts';

type RequestOutcome = Extract<Outcome, { request: unknown }>;

/** What an SDK is expected to send, and what it gets for it. */
export interface Exchange {
  /** The JSON that the simulated vendor responds. */
  readonly response: RequestOutcome['response'];
  /** The headers that the vendor reads, in lower case. */
  readonly headers: readonly string[];
  /** The headers that the vendor reads and that differ in each run, in lower case. */
  readonly ignoredHeaders?: readonly string[];
  /** Makes the SDK send one request. */
  readonly send: () => Promise<unknown>;
}

interface ReceivedRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/**
 * Stands in for a vendor during one call of an SDK, and returns the request that the SDK sent.
 *
 * Rejects if the SDK sent no request, or more than one.
 */
export async function recordRequest({ response, headers, ignoredHeaders, send }: Exchange): Promise<RequestOutcome> {
  const received: ReceivedRequest[] = [];
  const server = createServer((request, reply) => {
    void (async () => {
      const { method = '', url: path = '', headers } = request;
      received.push({ method, path, headers, body: await text(request) });
      reply.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(response));
    })();
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  setSimulatorPort((server.address() as AddressInfo).port);
  try {
    await send();
  } finally {
    setSimulatorPort(undefined);
    server.closeAllConnections();
    server.close();
  }
  const [sent, ...others] = received;
  if (sent === undefined || others.length > 0) throw new Error(`The SDK sent ${received.length} requests, not one.`);
  const { method, path, body } = sent;
  const origin = String(sent.headers[originHeader]);
  if (method !== 'GET' && method !== 'POST') throw new Error(`The SDK sent ${method}, which no fixture can hold.`);
  const missing = ignoredHeaders?.find((name) => sent.headers[name] === undefined);
  if (missing !== undefined) throw new Error(`The SDK does not send the header ${missing}, which its oracle ignores.`);
  return {
    request: { method, origin, path, headers: pick(sent.headers, headers), body },
    ...(ignoredHeaders === undefined ? {} : { ignoredHeaders: [...ignoredHeaders] }),
    response,
  };
}

function pick(headers: IncomingHttpHeaders, names: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    names.flatMap((name) => {
      const value = headers[name];
      return typeof value === 'string' ? [[name, value]] : [];
    }),
  );
}
