import { ValetError } from '../errors/valet-error.ts';

/** The argument of {@link GetAppToken}. */
export interface AppTokenRequest {
  /**
   * True after the broker refused your token: request a new token from the identity provider, and do not return a
   * stored one.
   */
  readonly forceRefresh: boolean;
  /** Aborts when the call no longer waits for the token. */
  readonly signal: AbortSignal;
}

/**
 * The app's function that returns the token that the identity provider issued to the user, or null if no user is signed
 * in.
 *
 * Throw if the app cannot find out, for example because the device is offline or the keychain is locked: null means
 * that the user is signed out.
 */
export type GetAppToken = (request: AppTokenRequest) => string | null | undefined | Promise<string | null | undefined>;

/** The characters of a bearer token (RFC 6750 section 2.1). */
const bearerToken = /^[\w.~+/-]+=*$/;

/** Resolves with the app token. Rejects with `signed_out`, `app_token_unavailable` or `invalid_token`. */
export async function requestAppToken(getAppToken: GetAppToken, request: AppTokenRequest): Promise<string> {
  let token: unknown;
  try {
    token = await getAppToken(request);
  } catch (error) {
    // The app's error may contain the token, so only its author can reach it.
    throw new ValetError('app_token_unavailable', '`getAppToken` threw. The `cause` of this error is what it threw.', {
      cause: error,
    });
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
