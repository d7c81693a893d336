import { ValetError } from './valet-error.ts';

/** What {@link GetAppToken} receives. */
export interface AppTokenRequest {
  /** True after the broker has refused your token: return a new one from the identity provider, not a stored one. */
  readonly forceRefresh: boolean;
  /** Aborts when the call no longer waits for the token. */
  readonly signal: AbortSignal;
}

/**
 * The app's own function: returns the token that its identity provider issued to this user, or null when no user is
 * signed in. Throw when you cannot tell (the device is offline, the keychain is locked): only null means signed out.
 */
export type GetAppToken = (request: AppTokenRequest) => string | null | undefined | Promise<string | null | undefined>;

/** The characters of a bearer token (RFC 6750 section 2.1). */
const bearerToken = /^[\w.~+/-]+=*$/;

/** Returns the app token. Errors: `signed_out`, `app_token_unavailable`, `invalid_token`. */
export async function requestAppToken(getAppToken: GetAppToken, request: AppTokenRequest): Promise<string> {
  let token: unknown;
  try {
    token = await getAppToken(request);
  } catch {
    // The error may quote the token, and the app can report it itself.
    throw new ValetError('app_token_unavailable', '`getAppToken` threw.');
  }
  if (token === null || token === undefined || token === '') {
    throw new ValetError('signed_out', 'No user is signed in: `getAppToken` returned no token.');
  }
  if (typeof token !== 'string' || !bearerToken.test(token) || token === 'undefined' || token === 'null') {
    throw new ValetError('invalid_token', '`getAppToken` returned a value that is not a bearer token.', {
      remediation: 'Return the bare token of the identity provider, without `Bearer`, spaces or line breaks.',
    });
  }
  return token;
}
