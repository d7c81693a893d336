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
    remediation: 'Call again, and do not sign the user out: the client does not know whether a user is signed in.',
  },
  network_unavailable: {
    retryable: true,
    remediation:
      'Call again when the device is online. If it is, check that `brokerUrl` responds without a redirect and allows the origin of this page.',
  },
  timeout: { retryable: true, remediation: 'Call again, or give the call more time with `timeoutMs`.' },
  aborted: { retryable: false, remediation: 'Do nothing: the app itself ended this call.' },
  response_invalid: {
    retryable: false,
    remediation: 'Check that `brokerUrl` is a Valet Key broker and that no gateway changes its responses.',
  },
  migration_refused: {
    retryable: false,
    remediation: 'Check the options against the session that the device holds.',
  },
  already_signed_in: {
    retryable: false,
    remediation: 'Sign the user out first, or keep the session.',
  },
  reauthentication_required: { retryable: false, remediation: 'Sign the same user in again.' },
  refresh_interrupted: {
    retryable: true,
    remediation: 'Call again: another tab may still return with newer tokens.',
  },
  storage_unavailable: {
    retryable: true,
    remediation: 'Call again when the device is unlocked, and do not sign the user out: there may be a session.',
  },
  internal: { retryable: false, remediation: 'Report this error of `@valetkey/client-sdk` with its stack.' },
} as const;

/** The error codes of this package, for failures without an error response of the broker. */
export type ClientErrorCode = Exclude<keyof typeof clientErrors, BrokerErrorCode>;

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
  /** What a function of the app, of a session's vendor or of the platform threw. */
  readonly cause?: unknown;
}

/** The causes are not properties of the errors, so that no program that prints an error prints its cause. */
const causes = new WeakMap<ValetError, unknown>();

const marker = Symbol.for('valetkey.client-error');

/**
 * The only error class of this package.
 *
 * It contains no token. It has a `cause` only if another function threw: your `getAppToken` or `dpop` (`app_token_unavailable`), a
 * function of a session's vendor or of the options of a login (`internal`), or the platform's `fetch` in `login.fetch`.
 * `JSON.stringify`, `console.log` and `util.inspect` do not show it.
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
  declare readonly code: ValetErrorCode;
  /** HTTP status of the broker's response, if there was one. */
  declare readonly status: number | undefined;
  /** Advice for the developer or the user: how to correct the error. */
  declare readonly remediation: string | undefined;
  /** Whether the same call may succeed later. */
  declare readonly retryable: boolean;
  /** Seconds after which a retry may succeed, if the broker sent them. */
  declare readonly retryAfterSeconds: number | undefined;
  /** The id of this call in the broker's log. */
  declare readonly requestId: string | undefined;
  declare readonly vendor: string | undefined;

  constructor(code: ValetErrorCode, message: string, details: ValetErrorDetails = {}) {
    super(message);
    // React Native's compiler does not accept a static block.
    Object.defineProperty(this, 'name', { value: 'ValetError' });
    const known = Object.hasOwn(clientErrors, code) ? clientErrors[code as keyof typeof clientErrors] : undefined;
    this.code = code;
    this.status = details.status;
    this.remediation = details.remediation ?? known?.remediation;
    this.retryable = details.retryable ?? known?.retryable ?? false;
    this.retryAfterSeconds = details.retryAfterSeconds;
    this.requestId = details.requestId;
    this.vendor = details.vendor;
    if (details.cause !== undefined) causes.set(this, details.cause);
    Object.defineProperty(this, marker, { value: true });
  }

  /** What a function of the app, of a session's vendor or of the platform threw. It may contain a token: do not log it. */
  override get cause(): unknown {
    return causes.get(this);
  }

  /** Returns whether a value is a `ValetError`, even of another installed copy of this package. */
  static isInstance(value: unknown): value is ValetError {
    return typeof value === 'object' && value !== null && marker in value;
  }
}

// Node 20 prints `cause` even if it is no own property.
Object.defineProperty(ValetError.prototype, Symbol.for('nodejs.util.inspect.custom'), {
  value(
    this: ValetError,
    _depth: number,
    options: object,
    inspect: (value: object, options: object) => string,
  ): string {
    return `${this.stack ?? this.message} ${inspect({ ...this }, options)}`;
  },
});
