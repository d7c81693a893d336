import { ValetError, type ValetErrorDetails } from '../errors/valet-error.ts';

const checkClient = 'Compare the options of the login with the client that is registered at the provider.';
const checkIssuer = 'Check that an OpenID provider is at `issuer`, and that no gateway changes its responses.';
const signInAgain = 'Start a new sign-in with `authorize`.';
const remediations = {
  /** The callback does not belong to a sign-in of this tab, was used before, or comes too late. */
  callback_refused: signInAgain,
  /** The user or the provider refused the sign-in. */
  access_denied: signInAgain,
  /** The provider cannot sign the user in without a page. */
  login_required: "Start a sign-in without `prompt: 'none'`.",
  /** The provider refused the app's client, not the user. */
  configuration_invalid: checkClient,
  identity_unavailable: 'Call again later, and do not sign the user out.',
  network_unavailable: 'Call again when the device is online. If it is, check the URL and, in a browser, CORS.',
  response_invalid: checkIssuer,
  invalid_request: undefined,
  invalid_token: checkClient,
  forbidden: checkClient,
  signed_out: signInAgain,
} as const;

/** The codes of errors that only a login has. */
export type LoginErrorCode = 'callback_refused' | 'access_denied' | 'login_required' | 'configuration_invalid';

/** Creates an error of a call to the identity provider or to a server of the app. */
export function loginError(
  code: keyof typeof remediations,
  message: string,
  details: ValetErrorDetails = {},
): ValetError {
  const remediation = remediations[code];
  return new ValetError(code, message, { remediation, retryable: code.endsWith('unavailable'), ...details });
}

/** What the error codes of a provider mean (RFC 6749 sections 4.1.2.1 and 5.2, OpenID Connect Core section 3.1.2.6). */
const meanings: Readonly<Record<string, keyof typeof remediations>> = {
  access_denied: 'access_denied',
  account_selection_required: 'login_required',
  consent_required: 'login_required',
  interaction_required: 'login_required',
  login_required: 'login_required',
  invalid_grant: 'signed_out',
  // The word of Authgear's own API.
  InvalidGrant: 'signed_out',
  server_error: 'identity_unavailable',
  slow_down: 'identity_unavailable',
  temporarily_unavailable: 'identity_unavailable',
  x_rate_limited: 'identity_unavailable',
  insufficient_scope: 'forbidden',
  invalid_token: 'invalid_token',
};

/**
 * Creates the error that an error code of the provider means. Every other code is about the client and its request.
 * `otherwise` is for a response without a code.
 */
export function providerError(
  word: unknown,
  otherwise: keyof typeof remediations,
  details?: ValetErrorDetails,
): ValetError {
  const known = typeof word === 'string' && Object.hasOwn(meanings, word) ? meanings[word] : undefined;
  const code = known ?? (typeof word === 'string' ? 'configuration_invalid' : otherwise);
  return loginError(code, 'The identity provider refused the request.', details);
}
