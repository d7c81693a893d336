import { ValetKeyError } from '@valetkey/core-types';

/** A token, and the scheme with which the caller sent it. */
export interface AccessToken {
  readonly scheme: 'Bearer' | 'DPoP';
  readonly token: string;
}

// Spaces and tabs around a header value are no part of it (RFC 9110 section 5.5). A token itself contains no white space.
const credentials = /^[ \t]*(bearer|dpop)(?: +([\w.~+/-]+=*))?[ \t]*$/i;
const knownScheme = /^[ \t]*(bearer|dpop)(?:\s|$)/i;

/**
 * Reads an `Authorization` header with the scheme `Bearer` (RFC 6750 section 2.1) or `DPoP` (RFC 9449 section 7.1).
 *
 * @throws {ValetKeyError} `missing_token` for an absent header or another scheme; `invalid_request` for a header that is
 *   not well-formed (two tokens, quotes, nothing after the scheme).
 *
 * @example
 * ```ts
 * import { readAccessToken } from '@valetkey/jwt-verify';
 *
 * readAccessToken('Bearer abc.def.ghi'); // { scheme: 'Bearer', token: 'abc.def.ghi' }
 * ```
 */
export function readAccessToken(authorization: string | undefined): AccessToken {
  if (authorization === undefined || !knownScheme.test(authorization)) throw missingToken();
  const [, scheme = '', token] = credentials.exec(authorization) ?? [];
  if (token === undefined) {
    throw new ValetKeyError('invalid_request', 'The Authorization header is not one scheme and one token.', {
      remediation: 'Send `Authorization: Bearer <token>` once, with the bare token: no quotes, no second value.',
    });
  }
  return { scheme: scheme.toLowerCase() === 'dpop' ? 'DPoP' : 'Bearer', token };
}

/**
 * Reads an `Authorization: Bearer` header. A header with any other scheme counts as a request without a token.
 *
 * @throws {ValetKeyError} `missing_token` or `invalid_request`, as {@link readAccessToken}.
 *
 * @example
 * ```ts
 * import { readBearerToken } from '@valetkey/jwt-verify';
 *
 * readBearerToken('bearer abc.def.ghi'); // 'abc.def.ghi'
 * ```
 */
export function readBearerToken(authorization: string | undefined): string {
  const { scheme, token } = readAccessToken(authorization);
  if (scheme !== 'Bearer') throw missingToken();
  return token;
}

/** Returns whether an `Authorization` header has the scheme `DPoP`, whatever follows it. */
export function hasProofScheme(authorization: string | undefined): boolean {
  return knownScheme.exec(authorization ?? '')?.[1]?.toLowerCase() === 'dpop';
}

function missingToken(): ValetKeyError {
  return new ValetKeyError('missing_token', 'The request carries no bearer token.');
}
