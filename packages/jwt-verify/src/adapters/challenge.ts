import type { ValetKeyError } from '@valetkey/core-types';

/** What a challenge may say beside its error. */
export interface ChallengeOptions {
  readonly realm?: string | undefined;
  /** Where the resource's metadata is (RFC 9728, section 5.1). */
  readonly resourceMetadata?: string | undefined;
}

/** RFC 6750, section 3.1, by our codes. */
const bearerErrors: Readonly<Partial<Record<string, string>>> = {
  invalid_token: 'invalid_token',
  invalid_request: 'invalid_request',
  forbidden: 'insufficient_scope',
  user_blocked: 'insufficient_scope',
};

/** As a quoted string takes it: printable ASCII without `"` and `\`. */
function quote(text: string): string {
  return `"${text.replace(/[^\x20-\x7e]|["\\]/g, '')}"`;
}

/**
 * The `WWW-Authenticate` value that goes with an error (RFC 6750, section 3; RFC 9449, section 7.1); `undefined` for
 * errors that are not about the caller's token. A request without a token gets the bare scheme, without an error code.
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
  const bound = error.reason === 'invalid_dpop_proof' || error.reason === 'use_dpop_nonce';
  const code = bound ? error.reason : bearerErrors[error.code];
  if (code === undefined && error.code !== 'missing_token') return undefined;
  const parameters = [
    options.realm === undefined ? [] : [`realm=${quote(options.realm)}`],
    code === undefined ? [] : [`error=${quote(code)}`, `error_description=${quote(error.message)}`],
    options.resourceMetadata === undefined ? [] : [`resource_metadata=${quote(options.resourceMetadata)}`],
  ].flat();
  return [bound ? 'DPoP' : 'Bearer', parameters.join(', ')].filter((part) => part !== '').join(' ');
}
