import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';

/** A call as it arrived. */
export interface RecordedCall {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
}

/** What to answer; `choose` answers by the call, a function takes the response over. */
export type PlannedAnswer =
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
  /** Answers all further calls so, or the further calls one after the other, the last for ever. */
  readonly answer: (...answers: [PlannedAnswer, ...PlannedAnswer[]]) => void;
  /** How many connections were opened so far. */
  readonly connections: () => number;
}

/** A vendor on a loopback port of its own that answers what a test says and remembers what it was asked. */
export async function startVendorServer(...first: [PlannedAnswer, ...PlannedAnswer[]]): Promise<VendorServer> {
  let plan: PlannedAnswer[] = first;
  const calls: RecordedCall[] = [];
  let connections = 0;

  const server = createServer((request, response) => {
    void (async () => {
      const planned = (plan.length > 1 ? plan.shift() : plan[0]) as PlannedAnswer;
      const { method = '', url: path = '', headers } = request;
      if (typeof planned === 'function') {
        calls.push({ method, path, headers, body: '' });
        planned(response, request);
        return;
      }
      const body = (await buffer(request)).toString('utf8');
      const call = { method, path, headers, body };
      calls.push(call);
      const json = planned.choose?.(call) ?? planned.json;
      const text = planned.text ?? (json === undefined ? '' : JSON.stringify(json));
      response.writeHead(planned.status ?? 200, { 'content-type': 'application/json', ...planned.headers }).end(text);
    })().catch(() => response.destroy());
  });
  server.on('connection', () => (connections += 1));
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address() as AddressInfo;

  return {
    url: `http://127.0.0.1:${port}`,
    calls,
    connections: () => connections,
    answer: (...answers) => {
      plan = answers;
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

/** A JWT whose signature nobody checks. */
export function fakeJwt(payload: object): string {
  const encode = (part: object): string => Buffer.from(JSON.stringify(part)).toString('base64url');
  return `${encode({ alg: 'EdDSA', typ: 'JWT' })}.${encode(payload)}.c2lnbmF0dXJl`;
}
