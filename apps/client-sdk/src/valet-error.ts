/** The error codes of the broker. */
export type BrokerErrorCode =
  | 'missing_token'
  | 'invalid_token'
  | 'invalid_request'
  | 'forbidden'
  | 'user_blocked'
  | 'unknown_vendor'
  | 'operation_not_supported'
  | 'vendor_user_not_found'
  | 'not_found'
  | 'method_not_allowed'
  | 'payload_too_large'
  | 'unsupported_media_type'
  | 'rate_limited'
  | 'internal'
  | 'vendor_auth_failed'
  | 'vendor_rejected'
  | 'vendor_response_invalid'
  | 'identity_unavailable'
  | 'vendor_unavailable'
  | 'vendor_rate_limited'
  | 'policy_unavailable'
  | 'overloaded'
  | 'vendor_timeout';

const clientErrors = {
  signed_out: { retryable: false, remediation: 'Sign the user in, then call again.' },
  app_token_unavailable: {
    retryable: true,
    remediation:
      'Call again, and do not sign the user out: `getAppToken` threw an error, so the client does not know whether a user is signed in.',
  },
  network_unavailable: {
    retryable: true,
    remediation:
      'Call again when the device is online. If it is online, check that `brokerUrl` responds without a redirect and, in a browser, that the broker allows the origin of this page.',
  },
  timeout: { retryable: true, remediation: 'Call again, or give the call more time with `timeoutMs`.' },
  aborted: { retryable: false, remediation: 'Do nothing: the app itself ended this call.' },
  response_invalid: {
    retryable: false,
    remediation:
      'Check that `brokerUrl` is the address of a Valet Key broker and that no gateway changes its responses.',
  },
} as const;

/** The error codes of this package, for failures without an error response of the broker. */
export type ClientErrorCode = keyof typeof clientErrors;

/** Any error code. A broker that is newer than this package may respond with a code that is not listed. */
export type ValetErrorCode = BrokerErrorCode | ClientErrorCode | (string & {});

/** The optional fields of a {@link ValetError}. */
export interface ValetErrorDetails {
  /** HTTP status of the broker's response, if there was one. */
  readonly status?: number | undefined;
  readonly remediation?: string | undefined;
  readonly retryable?: boolean | undefined;
  readonly retryAfterSeconds?: number | undefined;
  readonly requestId?: string | undefined;
  readonly vendor?: string | undefined;
}

const marker = Symbol.for('valetkey.client-error');

/**
 * The only error class of this package.
 *
 * It contains no token. It has no `cause`, because the errors of network and parser libraries may contain headers and
 * bodies.
 *
 * @example
 * ```ts
 * import { ValetError } from '@valetkey/client-sdk';
 *
 * try {
 *   await valet.issue('nabla');
 * } catch (error) {
 *   if (!ValetError.isInstance(error)) throw error;
 *   if (error.code === 'signed_out') showSignIn();
 *   else if (error.retryable) showRetry(error.retryAfterSeconds);
 *   else showSupport(error.requestId);
 * }
 * ```
 */
export class ValetError extends Error {
  readonly code: ValetErrorCode;
  /** HTTP status of the broker's response, if there was one. */
  readonly status: number | undefined;
  /** Advice for the developer or the user: how to correct the error. */
  readonly remediation: string | undefined;
  /** Whether the same call may succeed later. */
  readonly retryable: boolean;
  /** Seconds after which a retry may succeed, if the broker sent them. */
  readonly retryAfterSeconds: number | undefined;
  /** The id of this call in the broker's log. */
  readonly requestId: string | undefined;
  readonly vendor: string | undefined;

  constructor(code: ValetErrorCode, message: string, details: ValetErrorDetails = {}) {
    super(message);
    // React Native's compiler does not accept a static block.
    Object.defineProperty(this, 'name', { value: 'ValetError' });
    const known = Object.hasOwn(clientErrors, code) ? clientErrors[code as ClientErrorCode] : undefined;
    this.code = code;
    this.status = details.status;
    this.remediation = details.remediation ?? known?.remediation;
    this.retryable = details.retryable ?? known?.retryable ?? false;
    this.retryAfterSeconds = details.retryAfterSeconds;
    this.requestId = details.requestId;
    this.vendor = details.vendor;
    Object.defineProperty(this, marker, { value: true });
  }

  /** Returns whether a value is a `ValetError`, even of another installed copy of this package. */
  static isInstance(value: unknown): value is ValetError {
    return typeof value === 'object' && value !== null && marker in value;
  }
}
