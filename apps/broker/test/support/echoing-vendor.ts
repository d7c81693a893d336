import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';

/** What the vendor does with all that it was told: the broker's own credentials among it. */
export type Echo =
  /** Answers well. */
  | 'good'
  /** Sends it back in the body of an error. */
  | 400
  | 401
  | 403
  | 404
  | 409
  | 429
  | 500
  | 503
  /** Sends it back as what should have been JSON, cut in the middle of a text. */
  | 'malformed'
  /** Sends it back as good JSON of another shape. */
  | 'other-shape'
  /** Sends it back where the token belongs, with a line break inside, so that no header could carry it. */
  | 'unusable-token'
  /** Sends it back as a redirect's location. */
  | 'redirect'
  /** Sends it back in place of HTTP. */
  | 'no-http';

/**
 * Plays Nabla, Nudge, Nymbl and Vital, and answers with whatever it was asked: a vendor whose errors quote the request
 * is the worst that can happen to a secret. Every answer also carries the request in its headers and reason. Credentials
 * that are `retired` are refused, in good times too.
 */
export async function startEchoingVendor(issued: Readonly<Record<string, string>>, retired: readonly string[]) {
  let mode: Echo = 'good';
  const server = createServer((request, response) => {
    void answer(request, response, mode, { issued, retired }).catch(() => response.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    become: (next: Echo) => {
      mode = next;
    },
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  mode: Echo,
  { issued, retired }: { issued: Readonly<Record<string, string>>; retired: readonly string[] },
): Promise<void> {
  const heard = `${request.method} ${request.url} ${request.rawHeaders.join(' ')} ${await text(request)}`;
  const quote = heard.replaceAll(/[^\x20-\x7e]/g, ' ');
  const send = (status: number, body: string, headers: Record<string, string> = {}) => {
    response.writeHead(status, quote.slice(0, 2_000), {
      'content-type': 'application/json',
      'x-debug': quote.slice(0, 4_000),
      'set-cookie': `debug=${encodeURIComponent(quote.slice(0, 2_000))}`,
      ...headers,
    });
    response.end(body);
  };
  const path = request.url ?? '';
  const isRetired = mode === 'good' && retired.some((credential) => heard.includes(credential));
  if (typeof mode === 'number' || isRetired) {
    send(
      typeof mode === 'number' ? mode : 401,
      JSON.stringify({ message: quote, error: quote, error_description: quote, detail: quote }),
    );
  } else if (mode === 'malformed') {
    send(200, `{"access_token":"${quote}`);
  } else if (mode === 'other-shape') {
    send(200, JSON.stringify([quote, { token: { nested: quote } }]));
  } else if (mode === 'unusable-token') {
    const token = `${quote}\r\n`;
    const names = ['access_token', 'refresh_token', 'token', 'sign_in_token', 'user_id', 'client_user_id'];
    send(200, JSON.stringify(Object.fromEntries(names.map((name) => [name, token]))));
  } else if (mode === 'redirect') {
    send(307, '', { location: `https://elsewhere.example/?${encodeURIComponent(quote.slice(0, 2_000))}` });
  } else if (mode === 'no-http') {
    response.socket?.end(`${quote}\r\n\r\n`);
  } else if (path.startsWith('/nabla/')) {
    send(200, JSON.stringify({ access_token: issued['nabla access'], refresh_token: issued['nabla refresh'] }));
  } else if (path.startsWith('/nudge/')) {
    send(200, JSON.stringify({ token: issued['nudge'] }));
  } else if (path.startsWith('/nymbl-idp')) {
    send(200, JSON.stringify({ access_token: issued['nymbl'], token_type: 'Bearer', expires_in: 300 }));
  } else if (path.startsWith('/nymbl/')) {
    send(200, '{"value":[]}');
  } else if (path === '/vital/v2/user') {
    const { client_user_id: clientUserId } = JSON.parse(heard.slice(heard.lastIndexOf('{'))) as Record<string, string>;
    send(200, JSON.stringify({ user_id: 'vital-user', client_user_id: clientUserId }));
  } else {
    send(200, JSON.stringify({ user_id: 'vital-user', sign_in_token: issued['vital'] }));
  }
}
