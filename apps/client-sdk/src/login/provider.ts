import {
  clockSkew,
  clockTolerance,
  getValidatedIdTokenClaims,
  processAuthorizationCodeResponse,
  processRefreshTokenResponse,
  type AuthorizationServer,
  type TokenEndpointResponse,
} from 'oauth4webapi';
import { neverEnding } from '../calls/client-inside.ts';
import { settleWithin } from '../calls/deadline.ts';
import type { SessionTokens } from '../session/session-types.ts';
import { ValetError } from '../errors/valet-error.ts';
import type { ParsedLoginOptions } from './login-options.ts';
import type { UserInfo } from './login-types.ts';
import { createProviderCalls, notConform, parseObject, type ProviderCalls } from './provider-calls.ts';
import { parseUrl } from './secure-url.ts';

/** What `finishAuthorization` trades for the tokens of a session. */
export interface LoginTicket {
  readonly code: string;
  readonly verifier: string;
  readonly nonce: string;
}

/** The calls of one client to one OpenID provider. Each rejects with a `ValetError`, whose message quotes nothing. */
export interface Provider {
  /** Resolves with the provider's metadata, which is fetched once. */
  readonly metadata: () => Promise<AuthorizationServer>;
  readonly redeem: (ticket: LoginTicket, signal: AbortSignal) => Promise<SessionTokens>;
  readonly refresh: (
    tokens: SessionTokens & { readonly refreshToken: string },
    signal: AbortSignal,
  ) => Promise<SessionTokens>;
  readonly revoke: (token: string, signal: AbortSignal) => Promise<unknown>;
  /** Resolves with the claims of the user `subject`. */
  readonly userInfo: (accessToken: string, subject: string, signal: AbortSignal) => Promise<UserInfo>;
}

export function createProvider(options: ParsedLoginOptions): Provider {
  const { clientId, redirectUri, clock, clockToleranceSeconds } = options;
  const calls = createProviderCalls(options);
  const { metadata, forget } = createMetadata(options, calls);

  /** Returns the client. `toleranceSeconds` is the difference that its clock and the provider's may have. */
  const client = (toleranceSeconds: number) => ({
    client_id: clientId,
    [clockSkew]: Math.floor((clock.nowMs() - Date.now()) / 1000),
    [clockTolerance]: toleranceSeconds,
  });
  const withMetadata = async <Result>(run: (server: AuthorizationServer) => Promise<Result>): Promise<Result> => {
    try {
      return await run(await metadata());
    } catch (caught) {
      // An error of oauth4webapi may quote the response.
      const error = ValetError.isInstance(caught) ? caught : notConform();
      // The provider may have moved its endpoints.
      if (error.code === 'response_invalid') forget();
      throw error;
    }
  };

  return {
    metadata,
    redeem: ({ code, verifier, nonce }, signal) =>
      withMetadata(async (server) => {
        const grant = {
          grant_type: 'authorization_code',
          code,
          redirect_uri: redirectUri,
          code_verifier: verifier,
          client_id: clientId,
        };
        const response = new Response(await calls.post(server.token_endpoint, grant, { signal }));
        const tokens = await processAuthorizationCodeResponse(server, client(clockToleranceSeconds), response, {
          expectedNonce: nonce,
        });
        const subject = getValidatedIdTokenClaims(tokens)?.sub ?? '';
        return tokensOf(tokens, { issuer: server.issuer, subject });
      }),
    refresh: ({ refreshToken, details }, signal) =>
      withMetadata(async (server) => {
        const grant = { grant_type: 'refresh_token', refresh_token: refreshToken, client_id: clientId };
        const response = new Response(await calls.post(server.token_endpoint, grant, { signal }));
        // The provider has replaced the refresh token, so a wrong clock of the device must not make the new one fail.
        const tokens = await processRefreshTokenResponse(server, client(Number.MAX_SAFE_INTEGER), response);
        const claims = getValidatedIdTokenClaims(tokens);
        // OpenID Connect Core section 12.2.
        if (claims !== undefined && claims.sub !== details['subject']) throw notConform();
        return tokensOf(tokens, details);
      }),
    revoke: (token, signal) =>
      withMetadata((server) =>
        // The page may close at once.
        calls.post(server.revocation_endpoint, { token, client_id: clientId }, { signal, keepalive: true }),
      ),
    userInfo: (accessToken, subject, signal) =>
      withMetadata(async (server) => {
        const claims = parseObject(await calls.get(server.userinfo_endpoint, signal, accessToken));
        // OpenID Connect Core section 5.3.2.
        if (claims['sub'] !== subject) throw notConform();
        return claims as UserInfo;
      }),
  };
}

/** Creates the function that fetches the metadata of the provider once, and the function that drops it. */
function createMetadata({ issuer, clock, timeoutMs }: ParsedLoginOptions, { get }: ProviderCalls) {
  let known: Promise<AuthorizationServer> | undefined;

  const load = () =>
    settleWithin({ clock, timeoutMs, ending: neverEnding, what: 'The discovery' }, async ({ signal }) => {
      const url = `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`;
      const server = parseObject(await get(url, signal));
      // OpenID Connect Discovery section 4.3.
      if (parseUrl(server['issuer'])?.href !== issuer) throw notConform();
      return server as unknown as AuthorizationServer;
    });
  const forget = () => {
    known = undefined;
  };
  const metadata = () => {
    known ??= load().catch((error: unknown) => {
      forget();
      throw error;
    });
    return known;
  };
  return { metadata, forget };
}

function tokensOf(response: TokenEndpointResponse, details: SessionTokens['details']): SessionTokens {
  const { access_token: accessToken, refresh_token: refreshToken, expires_in: expiresIn } = response;
  // A request header can contain no other characters.
  if (response.token_type !== 'bearer' || !/^[!-~]+$/.test(accessToken)) throw notConform();
  const expiresInSeconds = expiresIn !== undefined && expiresIn > 0 ? expiresIn : undefined;
  return { accessToken, refreshToken, expiresInSeconds, details };
}
