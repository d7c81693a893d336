import { request as sendRequest, type IncomingMessage } from 'node:http';
import { buffer } from 'node:stream/consumers';
import type { Site } from './internet.ts';

/** A request that the broker received from an app, and its response. */
export interface BrokerExchange {
  readonly method: string;
  readonly path: string;
  readonly origin: string | undefined;
  readonly sent: string;
  readonly status: number;
  readonly received: string;
}

/** Forwards each request to the broker, as a reverse proxy in front of it does, and records it. */
export function createBrokerSite(brokerUrl: string, exchanges: BrokerExchange[]): Site {
  return {
    async respond(request, response) {
      const { method = '', url: path = '', headers } = request;
      const body = await buffer(request);
      const forwarded = sendRequest(brokerUrl + path, { method, headers });
      const answered = new Promise<IncomingMessage>((resolve, reject) =>
        forwarded.on('response', resolve).on('error', reject),
      );
      forwarded.end(body);
      const answer = await answered;
      const { statusCode: status = 0 } = answer;
      const received = await buffer(answer);
      const { origin } = headers;
      exchanges.push({ method, path, origin, sent: body.toString(), status, received: received.toString() });
      response.writeHead(status, answer.headers).end(received);
    },
  };
}
