import { ValetKeyError, type ErrorCode, type Problem } from '@valetkey/core-types';

/** The path of the page about error codes. The broker serves this page itself, so that it lists the codes of this version. */
export const errorDocumentationPath = '/docs/errors';

/** The error code and the detail for each error of Fastify that a caller can cause. */
const errorsOfFastify: Readonly<Record<string, [ErrorCode, string]>> = {
  FST_ERR_CTP_BODY_TOO_LARGE: ['payload_too_large', 'The body is too large.'],
  FST_ERR_CTP_INVALID_MEDIA_TYPE: ['unsupported_media_type', 'This route does not accept the media type of the body.'],
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: ['invalid_request', 'The length of the body differs from `Content-Length`.'],
  FST_ERR_BAD_URL: ['invalid_request', 'The path is not a valid URL path.'],
  FST_ERR_MAX_PARAM_LENGTH: ['not_found', 'A part of the path is too long.'],
};

/**
 * Returns the error to send to the caller. An error of Fastify that the caller caused becomes a 4xx, and any other foreign error
 * becomes `internal`. Messages of foreign errors are dropped, because they may quote values.
 */
export function toValetKeyError(thrown: unknown): ValetKeyError {
  if (ValetKeyError.isInstance(thrown)) return thrown;
  const { code, statusCode } = readFields(thrown);
  const known = typeof code === 'string' && Object.hasOwn(errorsOfFastify, code) ? errorsOfFastify[code] : undefined;
  if (known !== undefined) return new ValetKeyError(...known);
  if (typeof statusCode === 'number' && statusCode >= 400 && statusCode < 500) {
    return new ValetKeyError('invalid_request', 'The request cannot be read.');
  }
  return new ValetKeyError('internal', 'The broker failed.');
}

/** Reads the fields of a foreign error. Returns no fields if a getter throws. */
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
