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
 * A 401 is always about the broker's own caller: credentials that a vendor refuses are a 502, and an identity provider
 * that is down is a 503.
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
    remediation: 'Correct the request; `detail` names what is wrong.',
  },
  forbidden: {
    status: 403,
    title: 'Forbidden',
    retryable: false,
    remediation: 'Ask the operator to allow this call, or sign in with the permission it needs.',
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
    title: 'Vendor refused our credentials',
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
 * What a program may decide by beyond the code. A `reason` is for people and may change; a cause is part of the contract.
 *
 * - `vendor_status`: the vendor responded with this HTTP status.
 * - `oauth_error`: a token endpoint's own error code (RFC 6749 section 5.2).
 * - `dpop`: what is wrong with the caller's proof of possession (RFC 9449 sections 7.1 and 9).
 */
export type FailureCause =
  | { readonly type: 'vendor_status'; readonly status: number }
  | { readonly type: 'oauth_error'; readonly error: OAuthErrorCode }
  | { readonly type: 'dpop'; readonly error: 'invalid_dpop_proof' | 'use_dpop_nonce' };

/** The token endpoint errors (RFC 6749 section 5.2) that a program of ours decides by. */
export type OAuthErrorCode = 'invalid_client' | 'unauthorized_client' | 'invalid_scope' | 'unsupported_grant_type';

/** What {@link ValetKeyError} may carry beside its code. */
export interface ValetKeyErrorOptions {
  /** What the caller can do about it. The table has a default for each code. */
  readonly remediation?: string | undefined;
  /** The id of the vendor that the failure is about. */
  readonly vendor?: string | undefined;
  /** Seconds after which a retry may succeed. */
  readonly retryAfterSeconds?: number | undefined;
  /** What the operator should look at: for the log and `valetkey doctor`, never part of a response. */
  readonly advice?: string | undefined;
  /** A short word for the operator's log (`ECONNREFUSED`, `unknown_key`). Never foreign text, never part of a response. */
  readonly reason?: string | undefined;
  /** What a program may decide by, beyond the code. */
  readonly cause?: FailureCause | undefined;
}

const marker = Symbol.for('valetkey.error');

/**
 * The one error of Valet Key: a `code` of {@link errorTable}, with the HTTP response that it stands for.
 *
 * Its `cause` is a {@link FailureCause}, never a foreign error: the messages of network and parser libraries quote header
 * values and bodies.
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

  /** `detail` is shown to callers: our own words, never a vendor's text, never a value of a token or a secret. */
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
    return typeof value === 'object' && value !== null && marker in value;
  }
}
