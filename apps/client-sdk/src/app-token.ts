import { ValetError } from './valet-error.ts';

/** What {@link GetAppToken} is asked. */
export interface AppTokenRequest {
  /** True when the broker has just refused your token: answer a new one from the identity provider, not a kept one. */
  readonly forceRefresh: boolean;
  /** Aborts when the answer is no longer awaited. */
  readonly signal: AbortSignal;
}

/**
 * The app's own function: answers the token that its identity provider gave this user, or null when nobody is signed
 * in. Throw when it cannot be told (offline, a locked keychain): only null means signed out.
 */
export type GetAppToken = (request: AppTokenRequest) => string | null | undefined | Promise<string | null | undefined>;

/** The characters of a bearer token (RFC 6750 section 2.1). */
const bearerToken = /^[\w.~+/-]+=*$/;

/** Errors: `signed_out`, `app_token_unavailable`, `invalid_token`. */
export async function askAppToken(getAppToken: GetAppToken, request: AppTokenRequest): Promise<string> {
  let token: unknown;
  try {
    token = await getAppToken(request);
  } catch {
    // Its error may quote the token, and is the app's own to report.
    throw new ValetError('app_token_unavailable', '`getAppToken` threw.');
  }
  if (token === null || token === undefined || token === '') {
    throw new ValetError('signed_out', 'Nobody is signed in: `getAppToken` answered no token.');
  }
  if (typeof token !== 'string' || !bearerToken.test(token) || token === 'undefined' || token === 'null') {
    throw new ValetError('invalid_token', '`getAppToken` answered something that is not a bearer token.', {
      remediation: 'Answer the bare token of the identity provider, without `Bearer`, spaces or line breaks.',
    });
  }
  return token;
}
