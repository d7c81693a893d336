import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { onTestFinished } from 'vitest';

/** A request that the fake broker received. */
export interface SeenRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

export interface FakeResponse {
  readonly status?: number;
  readonly headers?: Record<string, string>;
  readonly body?: string;
  /**
   * The header by which a client recognizes the responses of a broker. Default: `vendor` for a proxied response that is
   * not a broker's problem, `broker` for every other response.
   */
  readonly mark?: 'broker' | 'vendor' | 'none';
}

/** Starts a fake broker that returns `respond(request)`. The server closes when the test finishes. */
export async function startFakeBroker(respond: (request: SeenRequest) => FakeResponse | Promise<FakeResponse>) {
  const requests: SeenRequest[] = [];
  const server = createServer(async (incoming, outgoing) => {
    const request = {
      method: incoming.method ?? '',
      path: incoming.url ?? '',
      headers: incoming.headers,
      body: await text(incoming),
    };
    requests.push(request);
    const response = await respond(request);
    const { status = 200, headers = {}, body = '' } = response;
    const { mark = request.path.includes('/proxy') ? 'vendor' : 'broker' } = response;
    outgoing.writeHead(status, { ...(mark !== 'none' && { 'valet-key': mark }), ...headers }).end(body);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}`, requests };
}

/** Returns a response with a JSON body. */
export function json(body: unknown, status = 200, headers: Record<string, string> = {}): FakeResponse {
  return { status, headers: { 'content-type': 'application/json', ...headers }, body: JSON.stringify(body) };
}

/** Returns a broker's response to a request for a vendor's token. */
export function issued(vendor: string, fields: object): FakeResponse {
  return json({ ...fields, vendor, connection: vendor, server_time: '2026-11-20T10:00:00.000Z' });
}

/** Returns a broker's response to a failed request. */
export function problem(status: number, code: string, headers: Record<string, string> = {}): FakeResponse {
  const body = {
    type: `https://valetkey.example/errors/${code}`,
    title: 'A title',
    status,
    code,
    detail: 'A detail.',
    remediation: 'A remediation.',
    request_id: 'request-1',
  };
  const type = { 'content-type': 'application/problem+json; charset=utf-8' };
  return { ...json(body, status), headers: { ...type, ...headers }, mark: 'broker' };
}

/** Returns a broker's response to `GET /v1/session`. `vitalUserId` is the user id at Vital, if the broker knows it. */
export function session(vitalUserId?: string, subject = 'alice'): FakeResponse {
  return json({
    issuer: 'https://identity.example',
    subject,
    scopes: [],
    vendors: {
      vital: {
        vendor: 'vital',
        operations: ['issue'],
        ...(vitalUserId === undefined ? {} : { vendor_user_id: vitalUserId }),
      },
    },
    server_time: '2026-11-20T10:00:00.000Z',
  });
}
