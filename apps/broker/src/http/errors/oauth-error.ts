import type { ErrorCode, ValetKeyError } from '@valetkey/core-types';
import type { FailureFormat } from './problem-sender.ts';

/** The OAuth error for each code that means a wrong request (RFC 6749 section 5.2, RFC 8693 section 2.2.2). */
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

/** The format of errors for OAuth clients. `code` and `request_id` have the same values as in a problem. */
export const oauthErrorFormat: FailureFormat = {
  contentType: 'application/json',
  statusOf: ({ code, status }) => (code in requestErrors ? 400 : status),
  encode: (error, { requestId }) => ({
    error: nameOf(error),
    error_description: describe(error),
    code: error.code,
    request_id: requestId,
  }),
  challengeOf: () => undefined,
};

function nameOf({ code, status, retryable, cause }: ValetKeyError): string {
  // Only this OAuth error is about the caller's request. Any other one is from a vendor's token endpoint.
  if (cause?.type === 'oauth_error' && cause.error === 'unsupported_grant_type') return cause.error;
  if (status < 500 && !retryable) return requestErrors[code] ?? 'invalid_request';
  return retryable ? 'temporarily_unavailable' : 'server_error';
}

/** Returns a description that contains only the characters that RFC 6749 allows. */
function describe({ code, message, remediation }: ValetKeyError): string {
  const advice = code === 'unsupported_media_type' ? 'Send a form: application/x-www-form-urlencoded.' : remediation;
  return `${message} ${advice}`.replaceAll('"', "'").replaceAll(/[^\x20-\x7e]|\\/g, '?');
}
