import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';

/** A call as the server received it. */
export interface RecordedCall {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
}

/** A body that has the form of every vendor's own errors. A refusal has it, unless the test plans another body. */
const errorBody = { error: 'refused', message: 'refused', detail: 'refused' };

/** A response to send. `choose` returns the JSON for a call. A function sends the whole response itself. */
export type PlannedResponse =
  | {
      readonly status?: number;
      readonly headers?: Record<string, string>;
      readonly json?: unknown;
      readonly text?: string;
      readonly choose?: (call: RecordedCall) => unknown;
    }
  | ((response: ServerResponse, request: IncomingMessage) => void);

export interface VendorServer extends AsyncDisposable {
  readonly url: string;
  readonly calls: RecordedCall[];
  /** Sets the responses to the next calls, one after the other. The last one is repeated. */
  readonly respond: (...responses: [PlannedResponse, ...PlannedResponse[]]) => void;
  /** Returns how many sockets were opened so far. */
  readonly sockets: () => number;
}

/** Starts a server on a loopback port that sends planned responses, as a vendor would, and records the calls. */
export async function startVendorServer(...first: [PlannedResponse, ...PlannedResponse[]]): Promise<VendorServer> {
  let plan: PlannedResponse[] = first;
  const calls: RecordedCall[] = [];
  let sockets = 0;

  const server = createServer((request, response) => {
    void (async () => {
      const planned = (plan.length > 1 ? plan.shift() : plan[0]) as PlannedResponse;
      const { method = '', url: path = '', headers } = request;
      if (typeof planned === 'function') {
        calls.push({ method, path, headers, body: '' });
        planned(response, request);
        return;
      }
      const body = (await buffer(request)).toString('utf8');
      const call = { method, path, headers, body };
      calls.push(call);
      const isRefusal = (planned.status ?? 200) >= 400;
      const json = planned.choose?.(call) ?? planned.json ?? (isRefusal ? errorBody : undefined);
      const text = planned.text ?? (json === undefined ? '' : JSON.stringify(json));
      response.writeHead(planned.status ?? 200, { 'content-type': 'application/json', ...planned.headers }).end(text);
    })().catch(() => response.destroy());
  });
  server.on('connection', () => (sockets += 1));
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address() as AddressInfo;

  return {
    url: `http://127.0.0.1:${port}`,
    calls,
    sockets: () => sockets,
    respond: (...responses) => {
      plan = responses;
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

/** Returns a JWT with a signature that is never verified. */
export function fakeJwt(payload: object): string {
  const encode = (part: object): string => Buffer.from(JSON.stringify(part)).toString('base64url');
  return `${encode({ alg: 'EdDSA', typ: 'JWT' })}.${encode(payload)}.c2lnbmF0dXJl`;
}
