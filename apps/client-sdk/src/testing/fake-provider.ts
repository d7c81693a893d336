import { createHash } from 'node:crypto';
import type { ValetClock } from '../calls/clock.ts';

/** A request that the fake network received. */
export interface ProviderRequest {
  readonly url: string;
  readonly path: string;
  readonly init: RequestInit;
  readonly headers: Headers;
  readonly form: URLSearchParams;
}

type Handler = (request: ProviderRequest) => Response | Promise<Response>;

export const issuer = 'https://id.example';
export const redirectUri = 'https://app.example/callback';
export const clientId = 'my-app';

export function jsonResponse(body: unknown, status = 200, headers: Record<string, string> = {}): Response {
  return new Response(JSON.stringify(body), { status, headers: { 'content-type': 'application/json', ...headers } });
}

/** Returns an unsigned ID token. A login trusts the connection to the token endpoint, not the signature. */
export function idToken(claims: object, header: object = { alg: 'RS256' }): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  return `${part(header)}.${part(claims)}.c2lnbmF0dXJl`;
}

/**
 * Creates a network with an OpenID provider at {@link issuer}, whose refresh tokens work once. `on` replaces the response
 * of a path, such as `/token`, or of any other URL.
 */
export function createFakeProvider(clock: ValetClock, metadata: object = {}) {
  const requests: ProviderRequest[] = [];
  const handlers = new Map<string, Handler>();
  const codes = new Map<string, { nonce: string; challenge: string }>();
  const live = { refresh: '', access: '' };
  let count = 0;
  /** What the next ID token contains instead. */
  let claims: Record<string, unknown> = {};

  function issue(nonce?: string): Response {
    count += 1;
    Object.assign(live, { refresh: `refresh-${count}`, access: `access-${count}` });
    const now = Math.floor(clock.nowMs() / 1000);
    const standard = { iss: issuer, aud: clientId, sub: 'alice', iat: now, exp: now + 300, nonce };
    return jsonResponse({
      access_token: live.access,
      refresh_token: live.refresh,
      token_type: 'Bearer',
      expires_in: 1800,
      id_token: idToken({ ...standard, ...claims }),
    });
  }

  function token({ form }: ProviderRequest): Response {
    if (form.get('grant_type') === 'refresh_token') {
      return form.get('refresh_token') === live.refresh ? issue() : jsonResponse({ error: 'invalid_grant' }, 400);
    }
    const code = codes.get(form.get('code') ?? '');
    codes.delete(form.get('code') ?? '');
    const challenge = createHash('sha256')
      .update(form.get('code_verifier') ?? '')
      .digest('base64url');
    const isValid = code?.challenge === challenge && form.get('redirect_uri') === redirectUri;
    return isValid ? issue(code.nonce) : jsonResponse({ error: 'invalid_grant' }, 400);
  }

  const standard: Record<string, Handler> = {
    [`${issuer}/.well-known/openid-configuration`]: () =>
      jsonResponse({
        issuer,
        authorization_endpoint: `${issuer}/authorize`,
        token_endpoint: `${issuer}/token`,
        userinfo_endpoint: `${issuer}/userinfo`,
        revocation_endpoint: `${issuer}/revoke`,
        end_session_endpoint: `${issuer}/logout`,
        ...metadata,
      }),
    [`${issuer}/token`]: token,
    [`${issuer}/userinfo`]: ({ headers }) =>
      headers.get('authorization') === `Bearer ${live.access}`
        ? jsonResponse({ sub: 'alice', email: 'alice@example.com' })
        : new Response(null, { status: 401 }),
    [`${issuer}/revoke`]: () => {
      Object.assign(live, { refresh: '', access: '' });
      return new Response(null, { status: 200 });
    },
  };

  return {
    requests,
    live,
    /** Replaces the response to requests for a URL; a path is one of the provider. `undefined` ends that. */
    on: (place: string, handler: Handler | undefined) => {
      const url = place.startsWith('/') ? `${issuer}${place}` : place;
      if (handler === undefined) handlers.delete(url);
      else handlers.set(url, handler);
    },
    withClaims: (next: Record<string, unknown>) => {
      claims = next;
    },
    calls: (path: string) => requests.filter((request) => request.path === path).length,
    /** Signs the user in on the provider's page, and returns the URL of the callback. */
    signIn: (authorizationUrl: string, parameters: Record<string, string> = {}) => {
      const { searchParams } = new URL(authorizationUrl);
      const code = `code-${codes.size}-${requests.length}`;
      codes.set(code, {
        nonce: searchParams.get('nonce') ?? '',
        challenge: searchParams.get('code_challenge') ?? '',
      });
      const callback = { code, state: searchParams.get('state') ?? '', iss: issuer, ...parameters };
      return `${redirectUri}?${new URLSearchParams(callback)}`;
    },
    fetch: (async (input: string | Request, init: RequestInit = {}) => {
      const url = typeof input === 'string' ? input : input.url;
      const headers = typeof input === 'string' ? new Headers(init.headers) : input.headers;
      const form = new URLSearchParams(typeof init.body === 'string' ? init.body : '');
      const request = { url, path: new URL(url).pathname, init, headers, form };
      requests.push(request);
      const handler = handlers.get(url) ?? standard[url] ?? standard[url.split('?', 1)[0] ?? ''];
      if (handler === undefined) throw new TypeError('fetch failed');
      return handler(request);
    }) as typeof fetch,
  };
}
