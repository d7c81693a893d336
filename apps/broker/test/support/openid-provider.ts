import { createHash, randomBytes } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Provider } from 'oidc-provider';
import type { DpopKey } from './dpop-key.ts';

const client = { id: 'app', redirectUri: 'https://app.example.com/callback' };

/** The members of the provider's client that its types lack. */
interface LogoutClient {
  backchannelLogoutUri: string;
  backchannelLogout: (subject: string, session: string) => Promise<unknown>;
}

/**
 * Starts `oidc-provider`, a third-party OpenID provider, on a free port. `signIn` completes the authorization code flow with
 * PKCE, as an app's browser does, and returns an access token, by default for `audience`. With a key, the token is bound to it.
 */
export async function startOpenidProvider(audience: string) {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

  const provider = new Provider(issuer, {
    clients: [
      {
        client_id: client.id,
        redirect_uris: [client.redirectUri],
        token_endpoint_auth_method: 'none',
        grant_types: ['authorization_code'],
        response_types: ['code'],
      },
    ],
    findAccount: (_context, accountId) => ({ accountId, claims: () => ({ sub: accountId }) }),
    // The provider itself sends logout tokens to public addresses only.
    fetch: (url, { method, headers, body }: RequestInit = {}) =>
      fetch(url, { ...(method && { method }), ...(headers && { headers }), ...(body && { body }) }),
    interactions: { url: (_context, { uid }) => `/interaction/${uid}` },
    cookies: { keys: [randomBytes(16).toString('hex')] },
    features: {
      backchannelLogout: { enabled: true },
      dPoP: { enabled: true },
      devInteractions: { enabled: false },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => audience,
        useGrantedResource: () => true,
        getResourceServerInfo: (_context, resource) => ({
          audience: resource,
          scope: 'read',
          accessTokenFormat: 'jwt',
          accessTokenTTL: 600,
        }),
      },
    },
  });

  /** Handles the sign-in page: signs in the user that `login_hint` names, and grants everything that the app requests. */
  const completeInteraction = async (request: IncomingMessage, response: ServerResponse) => {
    const { prompt, params, session } = await provider.interactionDetails(request, response);
    const accountId = session?.accountId ?? String(params['login_hint']);
    if (prompt.name === 'login') {
      return provider.interactionFinished(request, response, { login: { accountId } });
    }
    const grant = new provider.Grant({ accountId, clientId: client.id });
    grant.addOIDCScope('openid');
    grant.addResourceScope(String(params['resource']), 'read');
    return provider.interactionFinished(request, response, { consent: { grantId: await grant.save() } });
  };

  const callback = provider.callback();
  server.on('request', (request, response) => {
    const handled = request.url?.startsWith('/interaction/')
      ? completeInteraction(request, response)
      : callback(request, response);
    handled.catch(() => response.writeHead(500).end());
  });

  return {
    issuer,
    signIn: (subject: string, resource = audience, key?: DpopKey) => signIn(issuer, resource, subject, key),
    /** Sends a logout token to a URL, as the provider does when the user signs out. Rejects unless the response is 200 or 204. */
    logOut: async (url: string, subject: string) => {
      const app = (await provider.Client.find(client.id)) as unknown as LogoutClient;
      app.backchannelLogoutUri = url;
      await app.backchannelLogout(subject, 'session-of-the-provider');
    },
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function signIn(issuer: string, audience: string, subject: string, key?: DpopKey): Promise<string> {
  const verifier = randomBytes(32).toString('base64url');
  const query = new URLSearchParams({
    client_id: client.id,
    redirect_uri: client.redirectUri,
    response_type: 'code',
    scope: 'openid read',
    resource: audience,
    login_hint: subject,
    code_challenge: createHash('sha256').update(verifier).digest('base64url'),
    code_challenge_method: 'S256',
  });
  const callback = await followRedirects(new URL(`${issuer}/auth?${query}`));
  const url = `${issuer}/token`;
  const response = await fetch(url, {
    method: 'POST',
    headers: { ...(key !== undefined && { dpop: key.prove({ method: 'POST', url }) }) },
    body: new URLSearchParams({
      grant_type: 'authorization_code',
      client_id: client.id,
      redirect_uri: client.redirectUri,
      code: callback.searchParams.get('code') ?? '',
      code_verifier: verifier,
      resource: audience,
    }),
  });
  const body = (await response.json()) as { access_token?: string; error?: string };
  if (body.access_token === undefined) throw new Error(`The provider issued no token: ${body.error}`);
  return body.access_token;
}

/** Follows redirects with cookies, as a browser does, and returns the first URL that is the app's own. */
async function followRedirects(start: URL): Promise<URL> {
  const cookies = new Map<string, string>();
  let url = start;
  for (let step = 0; step < 10; step += 1) {
    const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join('; ');
    const response = await fetch(url, { redirect: 'manual', headers: { cookie } });
    for (const line of response.headers.getSetCookie()) {
      const [name = '', value = ''] = line.split(';', 1)[0]?.split(/=(.*)/s) ?? [];
      cookies.set(name, value);
    }
    url = new URL(response.headers.get('location') ?? '', url);
    if (url.href.startsWith(client.redirectUri)) return url;
  }
  throw new Error('The sign-in did not return to the app within ten redirects.');
}
