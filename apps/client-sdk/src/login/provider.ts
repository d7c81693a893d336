import {
  allowInsecureRequests,
  authorizationCodeGrantRequest,
  clockSkew,
  clockTolerance,
  customFetch,
  discoveryRequest,
  getValidatedIdTokenClaims,
  JWT_TIMESTAMP_CHECK,
  None,
  processAuthorizationCodeResponse,
  processDiscoveryResponse,
  processRefreshTokenResponse,
  processUserInfoResponse,
  refreshTokenGrantRequest,
  revocationRequest,
  userInfoRequest,
  type AuthorizationServer,
  type TokenEndpointResponse,
} from 'oauth4webapi';
import { neverEnding } from '../client-inside.ts';
import { settleWithin } from '../deadline.ts';
import type { SessionTokens } from '../session/session-types.ts';
import { ValetError } from '../valet-error.ts';
import { loginError } from './login-errors.ts';
import type { ParsedLoginOptions } from './login-options.ts';
import type { UserInfo } from './login-types.ts';
import { checkPlace, readText, refusalOf } from './provider-response.ts';
import { isSecure, parseUrl } from './secure-url.ts';

/** What `finishAuthorization` trades for the tokens of a session. */
export interface LoginTicket {
  /** The parameters of the callback, as oauth4webapi has checked them. */
  readonly parameters: URLSearchParams;
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
  readonly revoke: (token: string, signal: AbortSignal) => Promise<void>;
  /** Resolves with the claims, or with undefined if the provider refuses the access token. */
  readonly userInfo: (accessToken: string, subject: string, signal: AbortSignal) => Promise<UserInfo | undefined>;
}

/** The endpoints of the metadata that a login uses. */
const endpoints = [
  'authorization_endpoint',
  'token_endpoint',
  'userinfo_endpoint',
  'revocation_endpoint',
  'end_session_endpoint',
] as const;

export function createProvider(options: ParsedLoginOptions): Provider {
  const { clientId, redirectUri, clock, clockToleranceSeconds } = options;
  const { send, receive, requestOptions } = createProviderCalls(options);
  const { metadata, forget } = createMetadata(options);

  /** Returns the client. `toleranceSeconds` is the difference that its clock and the provider's may have. */
  const client = (toleranceSeconds = clockToleranceSeconds) => ({
    client_id: clientId,
    [clockSkew]: Math.floor((clock.nowMs() - Date.now()) / 1000),
    [clockTolerance]: toleranceSeconds,
  });
  const call = async <Result>(run: (server: AuthorizationServer) => Promise<Result>): Promise<Result> => {
    try {
      const server = await metadata();
      return await interpret(() => run(server));
    } catch (error) {
      // The provider may have moved its endpoints.
      if (ValetError.isInstance(error) && error.code === 'response_invalid') forget();
      throw error;
    }
  };

  return {
    metadata,
    redeem: ({ parameters, verifier, nonce }, signal) =>
      call(async (server) => {
        const request = requestOptions(signal);
        const response = await receive(
          await authorizationCodeGrantRequest(server, client(), None(), parameters, redirectUri, verifier, request),
        );
        const result = await processAuthorizationCodeResponse(server, client(), response, { expectedNonce: nonce });
        const subject = getValidatedIdTokenClaims(result)?.sub ?? '';
        return tokensOf(result, { issuer: server.issuer, subject });
      }),
    refresh: ({ refreshToken, details }, signal) =>
      call(async (server) => {
        const request = requestOptions(signal);
        const response = await receive(
          await refreshTokenGrantRequest(server, client(), None(), refreshToken, request),
        );
        // The provider has replaced the refresh token, so a wrong clock of the device must not make the new one fail.
        const result = await processRefreshTokenResponse(server, client(Number.MAX_SAFE_INTEGER), response);
        const claims = getValidatedIdTokenClaims(result);
        // OpenID Connect Core section 12.2.
        if (claims !== undefined && claims.sub !== details['subject']) throw notConform();
        return tokensOf(result, details);
      }),
    revoke: (token, signal) =>
      call(async (server) => {
        // The page may close at once.
        const request = { ...requestOptions(signal), [customFetch]: send({ keepalive: true }) };
        await receive(await revocationRequest(server, client(), None(), token, request));
      }),
    userInfo: (accessToken, subject, signal) =>
      call(async (server) => {
        const response = await userInfoRequest(server, client(), accessToken, requestOptions(signal));
        if (response.status === 401) return undefined;
        if (response.status === 403) {
          throw loginError('forbidden', 'The access token lacks a scope for the claims of the user.', { status: 403 });
        }
        return processUserInfoResponse(server, client(), subject, await receive(response));
      }),
  };
}

/** Creates the functions that send requests to the provider and read its responses. */
function createProviderCalls({ issuer, clock, fetch }: Pick<ParsedLoginOptions, 'issuer' | 'clock' | 'fetch'>) {
  const send = (extra: RequestInit) => async (url: string, init: object) => {
    const { body, ...rest } = init as RequestInit;
    let response: Response;
    try {
      // A text is a body that React Native can send as well.
      const text = body === undefined || body === null ? {} : { body: String(body) };
      response = await fetch(url, { ...rest, ...text, ...extra, credentials: 'omit' });
    } catch {
      throw loginError('network_unavailable', 'The identity provider is unreachable.');
    }
    checkPlace(url, response);
    return response;
  };

  /** Resolves with a successful response whose body has arrived. Rejects with the error that any other response means. */
  async function receive(response: Response): Promise<Response> {
    const text = await readText(response);
    if (response.status !== 200) throw refusalOf(response, text, clock.nowMs());
    return new Response(text, { headers: { 'content-type': response.headers.get('content-type') ?? '' } });
  }

  const requestOptions = (signal: AbortSignal) => ({
    signal,
    [customFetch]: send({}),
    [allowInsecureRequests]: issuer.startsWith('http:'),
  });
  return { send, receive, requestOptions };
}

/** Creates the function that fetches the metadata of the provider once, and the function that drops it. */
function createMetadata(options: ParsedLoginOptions) {
  const { issuer, clock, timeoutMs } = options;
  const { receive, requestOptions } = createProviderCalls(options);
  let known: Promise<AuthorizationServer> | undefined;

  const load = () =>
    settleWithin({ clock, timeoutMs, ending: neverEnding, what: 'The discovery of the provider' }, ({ signal }) =>
      interpret(async () => {
        const url = new URL(issuer);
        const response = await receive(await discoveryRequest(url, requestOptions(signal)));
        const server = await processDiscoveryResponse(url, response);
        const isUsable = (value: unknown) => {
          const endpoint = parseUrl(value);
          return value === undefined || (endpoint !== undefined && isSecure(endpoint));
        };
        if (!endpoints.every((name) => isUsable(server[name]))) throw notConform();
        return server;
      }),
    );
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

/** Runs a function of oauth4webapi and turns its error, which may quote a response, into a `ValetError`. */
async function interpret<Result>(run: () => Promise<Result>): Promise<Result> {
  try {
    return await run();
  } catch (error) {
    if (ValetError.isInstance(error)) throw error;
    if ((error as { code?: unknown } | null)?.code !== JWT_TIMESTAMP_CHECK) throw notConform();
    const remediation = 'Set the clock of the device, or allow a larger difference with `clockToleranceSeconds`.';
    throw loginError('response_invalid', 'The ID token has expired, or is not valid yet.', { remediation });
  }
}

function notConform(): ValetError {
  return loginError('response_invalid', 'The response is not a valid one of this OpenID provider.');
}

function tokensOf(response: TokenEndpointResponse, details: SessionTokens['details']): SessionTokens {
  const { access_token: accessToken, refresh_token: refreshToken, expires_in: expiresIn } = response;
  // A request header can contain no other characters.
  if (response.token_type !== 'bearer' || !/^[!-~]+$/.test(accessToken)) throw notConform();
  const expiresInSeconds = expiresIn !== undefined && expiresIn > 0 ? expiresIn : undefined;
  return { accessToken, refreshToken, expiresInSeconds, details };
}
