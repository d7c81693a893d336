import { randomBytes } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Provider } from 'oidc-provider';
import { onTestFinished } from 'vitest';
import { clientId, redirectUri } from './fake-provider.ts';

/**
 * Starts `oidc-provider`, a third-party OpenID provider, on a free port. Its refresh tokens work once; a second use
 * revokes the whole session. `visit` does what the user's browser does with an authorization URL: it signs in as the
 * `login_hint` and returns the callback.
 */
export async function startOpenidProvider() {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const provider = new Provider(issuer, {
    clients: [
      {
        client_id: clientId,
        redirect_uris: [redirectUri],
        post_logout_redirect_uris: ['https://app.example/bye'],
        token_endpoint_auth_method: 'none',
        grant_types: ['authorization_code', 'refresh_token'],
        response_types: ['code'],
      },
    ],
    claims: { openid: ['sub'], email: ['email'] },
    findAccount: (_context, accountId) => ({
      accountId,
      claims: () => ({ sub: accountId, email: `${accountId}@example.com` }),
    }),
    interactions: { url: (_context, { uid }) => `/interaction/${uid}` },
    cookies: { keys: [randomBytes(16).toString('hex')] },
    issueRefreshToken: () => Promise.resolve(true),
    rotateRefreshToken: true,
    clientBasedCORS: () => true,
    features: { devInteractions: { enabled: false }, revocation: { enabled: true } },
  });
  // The provider warns on the console about its defaults, which a test may use.

  /** Handles the sign-in page: signs in the user that `login_hint` names, and grants everything that the app requests. */
  async function completeInteraction(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { prompt, params, session } = await provider.interactionDetails(request, response);
    const accountId = session?.accountId ?? String(params['login_hint']);
    if (prompt.name === 'login') {
      return provider.interactionFinished(request, response, { login: { accountId } });
    }
    const grant = new provider.Grant({ accountId, clientId });
    grant.addOIDCScope(String(params['scope']));
    return provider.interactionFinished(request, response, { consent: { grantId: await grant.save() } });
  }

  const callback = provider.callback();
  server.on('request', (request, response) => {
    const handled = request.url?.startsWith('/interaction/')
      ? completeInteraction(request, response)
      : callback(request, response);
    handled.catch(() => response.writeHead(500).end());
  });
  return { issuer, visit };
}

/** Follows redirects with cookies, as a browser does, and returns the first URL that is the app's own. */
async function visit(authorizationUrl: string): Promise<string> {
  const cookies = new Map<string, string>();
  let url = new URL(authorizationUrl);
  for (let step = 0; step < 10; step += 1) {
    const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join('; ');
    const response = await fetch(url, { redirect: 'manual', headers: { cookie } });
    for (const line of response.headers.getSetCookie()) {
      const [name = '', value = ''] = line.split(';', 1)[0]?.split(/=(.*)/s) ?? [];
      cookies.set(name, value);
    }
    url = new URL(response.headers.get('location') ?? '', url);
    if (url.href.startsWith(redirectUri)) return url.href;
  }
  throw new Error('The sign-in did not return to the app within ten redirects.');
}
