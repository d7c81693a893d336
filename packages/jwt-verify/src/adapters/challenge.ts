import type { ValetKeyError } from '@valetkey/core-types';
import type { DpopSupport } from '../dpop/dpop-support.ts';
import type { AccessToken } from './authorization-header.ts';

/** The parameters of a challenge beside those of the error. */
export interface ChallengeOptions {
  readonly realm?: string | undefined;
  /** The URL of the resource's metadata (RFC 9728 section 5.1). */
  readonly resourceMetadata?: string | undefined;
  /** What the resource accepts of DPoP: `dpop` of the verifier. Absent: it accepts only bearer tokens. */
  readonly dpop?: DpopSupport | undefined;
  /** The scheme with which the request sent its token. The error is part of the challenge of this scheme. Default: `Bearer`. */
  readonly scheme?: AccessToken['scheme'] | undefined;
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
 * Returns the value of `WWW-Authenticate` for an error (RFC 6750 section 3; RFC 9449 sections 7.1 and 7.2), or undefined for
 * an error that is not about the caller's token. For `missing_token`, the value contains no error code. With `dpop`, a caller
 * that has not used the scheme `DPoP` also learns that it may.
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
  const { dpop } = options;
  const code = cause?.type === 'dpop' ? cause.error : bearerErrors[error.code];
  if (code === undefined) {
    if (error.code !== 'missing_token') return undefined;
    const offered = dpop === undefined ? ['Bearer'] : dpop.required ? ['DPoP'] : ['Bearer', 'DPoP'];
    return offered.map((scheme) => writeChallenge(scheme, [], options)).join(', ');
  }
  const parameters = [`error=${quote(code)}`, `error_description=${quote(error.message)}`];
  if (cause?.type === 'dpop' || options.scheme === 'DPoP') return writeChallenge('DPoP', parameters, options);
  const challenge = writeChallenge('Bearer', parameters, options);
  return dpop === undefined ? challenge : `${challenge}, ${writeChallenge('DPoP', [], options)}`;
}

/** Returns one challenge. That of DPoP names the algorithms of proofs. */
function writeChallenge(
  scheme: string,
  errorParameters: readonly string[],
  { realm, resourceMetadata, dpop }: ChallengeOptions,
): string {
  const parameters = [
    realm === undefined ? [] : [`realm=${quote(realm)}`],
    errorParameters,
    scheme === 'DPoP' && dpop !== undefined ? [`algs=${quote(dpop.algorithms.join(' '))}`] : [],
    resourceMetadata === undefined ? [] : [`resource_metadata=${quote(resourceMetadata)}`],
  ].flat();
  return [scheme, parameters.join(', ')].filter((part) => part !== '').join(' ');
}
