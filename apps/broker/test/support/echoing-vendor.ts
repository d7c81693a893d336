import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';

/** How the vendor quotes the request, which contains the broker's own credentials, in its response. */
export type EchoMode =
  /** Responds as the vendor should, and quotes the request in headers alone. */
  | 'normal'
  /** Quotes the request in the body of an error with this status. */
  | 400
  | 401
  | 403
  | 404
  | 409
  | 429
  | 500
  | 503
  /** Quotes the request in JSON that breaks off in the middle of a string. */
  | 'malformed'
  /** Quotes the request in valid JSON of another shape. */
  | 'other-shape'
  /** Quotes the request where the token belongs, followed by a line break that no header can contain. */
  | 'unusable-token'
  /** Quotes the request in the location of a redirect. */
  | 'redirect'
  /** Sends the text of the request back instead of an HTTP response. */
  | 'no-http';

interface EchoingVendorOptions {
  /** The tokens that the vendor issues. */
  readonly issued: Readonly<Record<string, string>>;
  /** Credentials that the vendor refuses with 401, even in the mode `normal`. */
  readonly retired: readonly string[];
}

/**
 * Starts a server that simulates Nabla, Nudge, Nymbl and Vital, and quotes each request in its response, so that a broker
 * that returns or logs a vendor's text reveals a secret. Headers and the reason phrase always quote the request too.
 */
export async function startEchoingVendor(options: EchoingVendorOptions) {
  let mode: EchoMode = 'normal';
  const server = createServer((request, response) => {
    void respond(request, response, mode, options).catch(() => response.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    setMode: (next: EchoMode) => {
      mode = next;
    },
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function respond(
  request: IncomingMessage,
  response: ServerResponse,
  mode: EchoMode,
  { issued, retired }: EchoingVendorOptions,
): Promise<void> {
  const received = `${request.method} ${request.url} ${request.rawHeaders.join(' ')} ${await text(request)}`;
  const quote = received.replaceAll(/[^\x20-\x7e]/g, ' ');
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
  const isRetired = mode === 'normal' && retired.some((credential) => received.includes(credential));
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
    const { client_user_id: clientUserId } = JSON.parse(received.slice(received.lastIndexOf('{'))) as Record<
      string,
      string
    >;
    send(200, JSON.stringify({ user_id: 'vital-user', client_user_id: clientUserId }));
  } else {
    send(200, JSON.stringify({ user_id: 'vital-user', sign_in_token: issued['vital'] }));
  }
}
