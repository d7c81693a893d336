interface ErrorTableEntry {
  /** HTTP status of the answer. */
  readonly status: number;
  readonly title: string;
  /** Whether the same request may succeed later. */
  readonly retryable: boolean;
  /** What the reader can do when the thrower knew nothing better. */
  readonly remediation: string;
}

/**
 * Every way a Valet Key call can fail. The set is closed: a new failure needs a new row here.
 *
 * A 401 is about the broker's own caller and nobody else: credentials that a vendor refuses are a 502, an identity
 * provider that is down is a 503.
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
    remediation: 'Use a vendor that `GET /v1/session` lists, or ask the operator to configure this one.',
  },
  operation_not_supported: {
    status: 404,
    title: 'Operation not supported',
    retryable: false,
    remediation: 'Use an operation that `GET /v1/session` lists for this vendor.',
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
    remediation: 'Give the operator the `request_id`; the vendor did not accept the call.',
  },
  vendor_response_invalid: {
    status: 502,
    title: 'Vendor answer not understood',
    retryable: false,
    remediation: "Give the operator the `request_id`; the vendor's answer was not as documented.",
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
    remediation: 'Call again; the vendor did not answer within the deadline.',
  },
} as const satisfies Record<string, ErrorTableEntry>;

/** The closed set of error codes. */
export type ErrorCode = keyof typeof errorTable;

/** What {@link ValetKeyError} may carry beside its code. */
export interface ValetKeyErrorOptions {
  /** What the reader can do about it. The table has a default for each code. */
  readonly remediation?: string | undefined;
  /** The vendor that the failure is about. */
  readonly vendor?: string | undefined;
  /** Seconds after which a retry may succeed. */
  readonly retryAfterSeconds?: number | undefined;
  /** What the operator should look at: for the log and `valetkey doctor`, never part of an answer. */
  readonly advice?: string | undefined;
  /** A short word for the operator's log (`ECONNREFUSED`, `unknown_kid`). Never foreign text, never part of an answer. */
  readonly reason?: string | undefined;
}

const marker = Symbol.for('valetkey.error');

/**
 * The one error of Valet Key: a `code` out of {@link errorTable}, with the HTTP answer it stands for.
 *
 * It takes no `cause`: the errors of network and parser libraries quote header values and bodies, so each place that
 * throws this one names a short `reason` of its own instead.
 *
 * @example
 * ```ts
 * import { ValetKeyError } from '@valetkey/core-types';
 *
 * throw new ValetKeyError('vendor_timeout', 'Nabla did not answer within 5000 ms.', { vendor: 'nabla' });
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

  static {
    this.prototype.name = 'ValetKeyError';
  }

  /** `detail` is shown to callers: our own words, never a vendor's, never a value out of a token or a secret. */
  constructor(code: ErrorCode, detail: string, options: ValetKeyErrorOptions = {}) {
    super(detail);
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

  /** Recognises the error over several installed copies of this package, where `instanceof` does not. */
  static isInstance(value: unknown): value is ValetKeyError {
    return typeof value === 'object' && value !== null && marker in value;
  }
}
