interface ErrorTableEntry {
  /** HTTP status of the response. */
  readonly status: number;
  readonly title: string;
  /** Whether the same request may succeed later. */
  readonly retryable: boolean;
  /** What the caller can do, unless the error itself says something more specific. */
  readonly remediation: string;
}

/**
 * Every way in which a Valet Key call can fail. The set is closed: a new kind of failure needs a new row here.
 *
 * A 401 is always about the caller's own token. If a vendor refuses the broker's credentials, the status is 502. If an
 * identity provider is unavailable, the status is 503.
 */
export const errorTable = {
  missing_token: {
    status: 401,
    title: 'Missing token',
    retryable: false,
    remediation: "Send the app user's token in the header `Authorization: Bearer <token>`.",
  },
  invalid_token: {
    status: 401,
    title: 'Invalid token',
    retryable: false,
    remediation: 'Get a fresh token from your identity provider and call again.',
  },
  invalid_request: {
    status: 400,
    title: 'Invalid request',
    retryable: false,
    remediation: 'Correct the request; `detail` names the mistake.',
  },
  forbidden: {
    status: 403,
    title: 'Forbidden',
    retryable: false,
    remediation: 'Ask the operator to allow this call, or sign in with the permission that the call needs.',
  },
  user_blocked: {
    status: 403,
    title: 'User blocked',
    retryable: false,
    remediation: 'Ask the operator to unblock this user.',
  },
  unknown_vendor: {
    status: 404,
    title: 'Unknown vendor',
    retryable: false,
    remediation: 'Use a connection that `GET /v1/session` lists, or ask the operator to configure this one.',
  },
  operation_not_supported: {
    status: 404,
    title: 'Operation not supported',
    retryable: false,
    remediation: 'Use an operation that `GET /v1/session` lists for this connection.',
  },
  vendor_user_not_found: {
    status: 404,
    title: 'Vendor user not found',
    retryable: false,
    remediation: 'Ask the operator to map this user to a user at the vendor.',
  },
  not_found: {
    status: 404,
    title: 'Not found',
    retryable: false,
    remediation: 'Check the path against the routes in the documentation.',
  },
  method_not_allowed: {
    status: 405,
    title: 'Method not allowed',
    retryable: false,
    remediation: 'Use one of the methods in the `Allow` header.',
  },
  payload_too_large: {
    status: 413,
    title: 'Payload too large',
    retryable: false,
    remediation: 'Send a smaller body.',
  },
  unsupported_media_type: {
    status: 415,
    title: 'Unsupported media type',
    retryable: false,
    remediation: 'Send the body as `application/json`, without a content encoding.',
  },
  rate_limited: {
    status: 429,
    title: 'Rate limited',
    retryable: true,
    remediation: 'Wait for the seconds in `Retry-After`, then call again.',
  },
  internal: {
    status: 500,
    title: 'Internal error',
    retryable: false,
    remediation: 'Give the operator the `request_id`.',
  },
  vendor_auth_failed: {
    status: 502,
    title: "Vendor refused the broker's credentials",
    retryable: false,
    remediation: "Ask the operator to check the vendor's credentials in the broker's configuration.",
  },
  vendor_rejected: {
    status: 502,
    title: 'Vendor rejected the call',
    retryable: false,
    remediation: 'Give the operator the `request_id`: the vendor did not accept the call.',
  },
  vendor_response_invalid: {
    status: 502,
    title: 'Vendor response not understood',
    retryable: false,
    remediation: "Give the operator the `request_id`: the vendor's response was not as documented.",
  },
  identity_unavailable: {
    status: 503,
    title: 'Identity provider unavailable',
    retryable: true,
    remediation: 'Keep the user signed in and call again after the seconds in `Retry-After`.',
  },
  vendor_unavailable: {
    status: 503,
    title: 'Vendor unavailable',
    retryable: true,
    remediation: 'Call again after the seconds in `Retry-After`.',
  },
  vendor_rate_limited: {
    status: 503,
    title: 'Vendor rate limit reached',
    retryable: true,
    remediation: 'Call again after the seconds in `Retry-After`.',
  },
  policy_unavailable: {
    status: 503,
    title: 'Policy unavailable',
    retryable: true,
    remediation: 'Call again after the seconds in `Retry-After`.',
  },
  overloaded: {
    status: 503,
    title: 'Overloaded',
    retryable: true,
    remediation: 'Call again after the seconds in `Retry-After`.',
  },
  vendor_timeout: {
    status: 504,
    title: 'Vendor timeout',
    retryable: true,
    remediation: 'Call again: the vendor did not respond within the deadline.',
  },
} as const satisfies Record<string, ErrorTableEntry>;

/** The closed set of error codes. */
export type ErrorCode = keyof typeof errorTable;

/**
 * The details by which a program may decide, besides the code. A cause is part of the contract. A `reason` is for the
 * operator's log, and may change.
 *
 * - `vendor_status`: the vendor responded with this HTTP status.
 * - `intercepted`: a server on the way to the vendor, such as a firewall, responded with this HTTP status instead of the vendor.
 * - `oauth_error`: a token endpoint's own error code (RFC 6749 section 5.2).
 * - `dpop`: the error code for the caller's DPoP proof (RFC 9449 sections 7.1 and 9). `invalid_token`: the token is bound to a
 *   key and came without a proof, or it is not bound and had to be (section 7.2).
 */
export type FailureCause =
  | { readonly type: 'vendor_status'; readonly status: number }
  | { readonly type: 'intercepted'; readonly status: number }
  | { readonly type: 'oauth_error'; readonly error: OAuthErrorCode }
  | { readonly type: 'dpop'; readonly error: DpopErrorCode };

/** The error codes about DPoP (RFC 9449 sections 7.1 and 9) by which Valet Key decides. */
export type DpopErrorCode = 'invalid_dpop_proof' | 'use_dpop_nonce' | 'invalid_token';

/** The error codes of a token endpoint (RFC 6749 section 5.2) by which Valet Key decides. */
export type OAuthErrorCode = 'invalid_client' | 'unauthorized_client' | 'invalid_scope' | 'unsupported_grant_type';

/** The options of {@link ValetKeyError}. */
export interface ValetKeyErrorOptions {
  /** What the caller can do about the failure. Default: the remediation of the code in {@link errorTable}. */
  readonly remediation?: string | undefined;
  /** The id of the vendor that the failure is about. */
  readonly vendor?: string | undefined;
  /** Seconds after which a retry may succeed. */
  readonly retryAfterSeconds?: number | undefined;
  /** What the operator should check. The log and `valetkey doctor` show it; a response never contains it. */
  readonly advice?: string | undefined;
  /** A short word for the operator's log (`ECONNREFUSED`, `unknown_key`). A response never contains it. */
  readonly reason?: string | undefined;
  /** The details by which a program may decide. */
  readonly cause?: FailureCause | undefined;
}

const marker = Symbol.for('valetkey.error');

/**
 * The one error class of Valet Key: a `code` of {@link errorTable}, with the parts of the HTTP response for it.
 *
 * Its `cause` is a {@link FailureCause} and never the error of a library: messages of network and parser libraries quote
 * header values and bodies.
 *
 * @example
 * ```ts
 * import { ValetKeyError } from '@valetkey/core-types';
 *
 * throw new ValetKeyError('vendor_timeout', 'Nabla did not respond within 5000 ms.', { vendor: 'nabla' });
 * ```
 */
export class ValetKeyError extends Error {
  readonly code: ErrorCode;
  readonly status: number;
  readonly title: string;
  readonly retryable: boolean;
  readonly remediation: string;
  readonly vendor: string | undefined;
  readonly retryAfterSeconds: number | undefined;
  readonly advice: string | undefined;
  readonly reason: string | undefined;
  declare readonly cause: FailureCause | undefined;

  static {
    this.prototype.name = 'ValetKeyError';
  }

  /** Callers see `detail`: it contains only our own words, never a vendor's text, a value of a token, or a secret. */
  constructor(code: ErrorCode, detail: string, options: ValetKeyErrorOptions = {}) {
    super(detail, options.cause && { cause: options.cause });
    const entry = errorTable[code];
    this.code = code;
    this.status = entry.status;
    this.title = entry.title;
    this.retryable = entry.retryable;
    this.remediation = options.remediation ?? entry.remediation;
    this.vendor = options.vendor;
    this.retryAfterSeconds = options.retryAfterSeconds;
    this.advice = options.advice;
    this.reason = options.reason;
    Object.defineProperty(this, marker, { value: true });
  }

  /** Returns whether a value is this error, also across several installed copies of this package. */
  static isInstance(value: unknown): value is ValetKeyError {
    try {
      return typeof value === 'object' && value !== null && marker in value;
    } catch {
      // A foreign value may be a proxy that refuses the question.
      return false;
    }
  }
}
