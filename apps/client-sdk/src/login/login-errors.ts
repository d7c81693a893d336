import { ValetError, type ValetErrorDetails } from '../valet-error.ts';

const errors = {
  /** The callback does not belong to a sign-in of this tab, was used before, or comes too late. */
  callback_refused: { retryable: false, remediation: 'Start a new sign-in with `authorize`.' },
  /** The user or the provider refused the sign-in. */
  access_denied: { retryable: false, remediation: 'Let the user start a new sign-in.' },
  /** The provider cannot sign the user in without a page. */
  login_required: { retryable: false, remediation: "Start a sign-in without `prompt: 'none'`." },
  /** The provider refused the app's client, not the user. */
  configuration_invalid: {
    retryable: false,
    remediation: 'Compare `clientId`, `redirectUri` and `scopes` with the client that is registered at the provider.',
  },
  identity_unavailable: { retryable: true, remediation: 'Call again later, and do not sign the user out.' },
  network_unavailable: {
    retryable: true,
    remediation:
      'Call again when the device is online. If it is online, check that the provider is at `issuer` and, in a browser, that it allows the origin of this page.',
  },
  response_invalid: {
    retryable: false,
    remediation: 'Check that `issuer` is the address of an OpenID provider and that no gateway changes its responses.',
  },
  invalid_request: { retryable: false, remediation: undefined },
  invalid_token: { retryable: false, remediation: 'Check which resources the provider accepts its access tokens for.' },
  forbidden: { retryable: false, remediation: 'Request the scope that the provider requires, with `scopes`.' },
  signed_out: { retryable: false, remediation: 'Sign the user in, then call again.' },
} as const;

/** The codes of errors that only a login has. */
export type LoginErrorCode = 'callback_refused' | 'access_denied' | 'login_required' | 'configuration_invalid';

/** Creates an error of a call to the identity provider. */
export function loginError(code: keyof typeof errors, message: string, details: ValetErrorDetails = {}): ValetError {
  return new ValetError(code, message, { ...errors[code], ...details });
}
