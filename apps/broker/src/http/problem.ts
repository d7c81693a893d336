import { ValetKeyError, type ErrorCode, type Problem } from '@valetkey/core-types';

/** Where each error code is documented: a page that the broker serves itself, so that it is there and current. */
export const errorDocumentationPath = '/docs/errors';

const codeOfFastify: Readonly<Record<string, [ErrorCode, string]>> = {
  FST_ERR_CTP_BODY_TOO_LARGE: ['payload_too_large', 'The body is too large.'],
  FST_ERR_CTP_INVALID_MEDIA_TYPE: ['unsupported_media_type', 'The body is not of a type that is read here.'],
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: ['invalid_request', 'The body is not as long as `Content-Length` says.'],
  FST_ERR_BAD_URL: ['invalid_request', 'The path is not a valid URL path.'],
  FST_ERR_MAX_PARAM_LENGTH: ['not_found', 'There is nothing at this path.'],
};

/**
 * Turns whatever was thrown into the one error. What is not ours becomes `internal`, and its text stays behind: the
 * messages of foreign errors quote values.
 */
export function toValetKeyError(thrown: unknown): ValetKeyError {
  if (ValetKeyError.isInstance(thrown)) return thrown;
  const { code, statusCode } = (thrown ?? {}) as { code?: unknown; statusCode?: unknown };
  const known = typeof code === 'string' ? codeOfFastify[code] : undefined;
  if (known !== undefined) return new ValetKeyError(...known);
  if (typeof statusCode === 'number' && statusCode >= 400 && statusCode < 500) {
    return new ValetKeyError('invalid_request', 'The request cannot be read.');
  }
  return new ValetKeyError('internal', 'The broker failed.');
}

/** The answer to an error: `application/problem+json` (RFC 9457). */
export function toProblem(error: ValetKeyError, requestId: string): Problem {
  return {
    type: `${errorDocumentationPath}#${error.code}`,
    title: error.title,
    status: error.status,
    code: error.code,
    detail: error.message,
    remediation: error.remediation,
    request_id: requestId,
    ...(error.vendor === undefined ? {} : { vendor: error.vendor }),
  };
}

/** What a log may hold of an error that is not ours: its name, its code and where it was thrown; not its text. */
export function describeForeignError(thrown: unknown): Record<string, unknown> {
  if (!(thrown instanceof Error)) return { name: typeof thrown };
  const { name, stack = '', message } = thrown;
  const { code } = thrown as { code?: unknown };
  const frames = stack
    .replace(message, '')
    .split('\n')
    .filter((line) => line.trimStart().startsWith('at '));
  return {
    name,
    ...(typeof code === 'string' ? { code } : {}),
    frames: frames.slice(0, 12).map((line) => line.trim()),
  };
}
