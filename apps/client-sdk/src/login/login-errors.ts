import { ValetError, type ValetErrorDetails } from '../valet-error.ts';

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
  network_unavailable:
    'Call again when the device is online. If it is, check the URL and, in a browser, that the server allows the origin of this page.',
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
