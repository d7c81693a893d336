import { ValetKeyError, type ErrorCode, type Problem } from '@valetkey/core-types';

/** The path of the page that documents each error code. The broker serves this page, so that it fits the broker's version. */
export const errorDocumentationPath = '/docs/errors';

const codeOfFastify: Readonly<Record<string, [ErrorCode, string]>> = {
  FST_ERR_CTP_BODY_TOO_LARGE: ['payload_too_large', 'The body is too large.'],
  FST_ERR_CTP_INVALID_MEDIA_TYPE: ['unsupported_media_type', 'The media type of the body is not supported here.'],
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: ['invalid_request', 'The length of the body differs from `Content-Length`.'],
  FST_ERR_BAD_URL: ['invalid_request', 'The path is not a valid URL path.'],
  FST_ERR_MAX_PARAM_LENGTH: ['not_found', 'No route has this path.'],
};

/**
 * Returns the error to send to the caller. A foreign error becomes `internal` without its message, because that may quote
 * values.
 */
export function toValetKeyError(thrown: unknown): ValetKeyError {
  if (ValetKeyError.isInstance(thrown)) return thrown;
  const { code, statusCode } = readFields(thrown);
  const known = typeof code === 'string' && Object.hasOwn(codeOfFastify, code) ? codeOfFastify[code] : undefined;
  if (known !== undefined) return new ValetKeyError(...known);
  if (typeof statusCode === 'number' && statusCode >= 400 && statusCode < 500) {
    return new ValetKeyError('invalid_request', 'The request cannot be read.');
  }
  return new ValetKeyError('internal', 'The broker failed.');
}

/** Reads the fields of a foreign error. A getter may throw; the error then counts as one without fields. */
function readFields(thrown: unknown): { readonly code?: unknown; readonly statusCode?: unknown } {
  try {
    const { code, statusCode } = (thrown ?? {}) as { code?: unknown; statusCode?: unknown };
    return { code, statusCode };
  } catch {
    return {};
  }
}

/** The request in which an error occurred. */
export interface ProblemContext {
  readonly requestId: string;
  /** The connection name in the path of the request. */
  readonly connection?: string | undefined;
}

/** Returns the body of the response to an error: `application/problem+json` (RFC 9457). */
export function toProblem(error: ValetKeyError, { requestId, connection }: ProblemContext): Problem {
  const { vendor } = error;
  return {
    type: `${errorDocumentationPath}#${error.code}`,
    title: error.title,
    status: error.status,
    code: error.code,
    detail: error.message,
    remediation: error.remediation,
    request_id: requestId,
    ...(vendor !== undefined && { vendor, ...(connection !== undefined && { connection }) }),
  };
}
