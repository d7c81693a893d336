import type { ValetKeyError } from '@valetkey/core-types';

/** The parameters of a challenge beside those of the error. */
export interface ChallengeOptions {
  readonly realm?: string | undefined;
  /** The URL of the resource's metadata (RFC 9728 section 5.1). */
  readonly resourceMetadata?: string | undefined;
}

/** The error codes of RFC 6750 section 3.1, by the `code` of a `ValetKeyError`. */
const bearerErrors: Readonly<Partial<Record<string, string>>> = {
  invalid_token: 'invalid_token',
  invalid_request: 'invalid_request',
  forbidden: 'insufficient_scope',
  user_blocked: 'insufficient_scope',
};

/** Returns a quoted string: only printable ASCII, without `"` and `\`. */
function quote(text: string): string {
  return `"${text.replace(/[^\x20-\x7e]|["\\]/g, '')}"`;
}

/**
 * Returns the value of `WWW-Authenticate` for an error (RFC 6750 section 3; RFC 9449 section 7.1), or undefined for an
 * error that is not about the caller's token. For `missing_token`, the value contains no error code.
 *
 * @example
 * ```ts
 * import { ValetKeyError } from '@valetkey/core-types';
 * import { wwwAuthenticate } from '@valetkey/jwt-verify';
 *
 * wwwAuthenticate(new ValetKeyError('missing_token', 'No token.')); // 'Bearer'
 * wwwAuthenticate(new ValetKeyError('invalid_token', 'The token has expired.'));
 * // 'Bearer error="invalid_token", error_description="The token has expired."'
 * ```
 */
export function wwwAuthenticate(error: ValetKeyError, options: ChallengeOptions = {}): string | undefined {
  const { cause } = error;
  const scheme = cause?.type === 'dpop' ? 'DPoP' : 'Bearer';
  const code = cause?.type === 'dpop' ? cause.error : bearerErrors[error.code];
  if (code === undefined && error.code !== 'missing_token') return undefined;
  const parameters = [
    options.realm === undefined ? [] : [`realm=${quote(options.realm)}`],
    code === undefined ? [] : [`error=${quote(code)}`, `error_description=${quote(error.message)}`],
    options.resourceMetadata === undefined ? [] : [`resource_metadata=${quote(options.resourceMetadata)}`],
  ].flat();
  return [scheme, parameters.join(', ')].filter((part) => part !== '').join(' ');
}
