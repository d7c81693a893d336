import type { ErrorCode, ValetKeyError } from '@valetkey/core-types';
import type { FailureFormat } from './problem-sender.ts';

/** RFC 6749 section 5.2 and RFC 8693 section 2.2.2, by our codes. What is absent is no fault of the request. */
const requestErrors: Readonly<Partial<Record<ErrorCode, string>>> = {
  missing_token: 'invalid_request',
  invalid_token: 'invalid_request',
  invalid_request: 'invalid_request',
  unsupported_media_type: 'invalid_request',
  unknown_vendor: 'invalid_target',
  operation_not_supported: 'invalid_target',
  forbidden: 'invalid_target',
  user_blocked: 'invalid_target',
  vendor_user_not_found: 'invalid_target',
};

/** Errors as OAuth clients read them; `code` and `request_id` are those of a problem. */
export const oauthErrorFormat: FailureFormat = {
  contentType: 'application/json',
  statusOf: ({ code, status }) => (code in requestErrors ? 400 : status),
  encode: (error, requestId) => ({
    error: error.reason === unsupportedGrant ? unsupportedGrant : nameOf(error),
    error_description: describe(error),
    code: error.code,
    request_id: requestId,
  }),
  challengeOf: () => undefined,
};

/** The `reason` of an `invalid_request` that has an OAuth name of its own. */
export const unsupportedGrant = 'unsupported_grant_type';

function nameOf({ code, status, retryable }: ValetKeyError): string {
  if (status < 500 && !retryable) return requestErrors[code] ?? 'invalid_request';
  return retryable ? 'temporarily_unavailable' : 'server_error';
}

/** In the characters that RFC 6749 allows. */
function describe({ code, message, remediation }: ValetKeyError): string {
  const advice = code === 'unsupported_media_type' ? 'Send a form: application/x-www-form-urlencoded.' : remediation;
  return `${message} ${advice}`.replaceAll('"', "'").replaceAll(/[^\x20-\x7e]|\\/g, '?');
}
