import { ValetKeyError, type Principal } from '@valetkey/core-types';
import type { JwtVerifier } from '../verify/jwt-verifier.ts';
import { hasProofScheme, readAccessToken } from './authorization-header.ts';
import { wwwAuthenticate, type ChallengeOptions } from './challenge.ts';

/** How requests are authenticated. */
export interface AuthenticationOptions extends Pick<ChallengeOptions, 'realm' | 'resourceMetadata'> {
  /**
   * The origin of this service as callers see it, such as `https://api.example.com`. The `htu` of a DPoP proof is compared
   * with this origin and not with the `Host` header, because the caller chooses that header. Absent: no proof is accepted.
   */
  readonly origin?: string | undefined;
}

/** The parts of a request that authenticate it. */
export interface PresentedCredentials {
  /** The values of all `Authorization` headers. A request with more than one is refused. */
  readonly authorizations: readonly string[];
  readonly proof: string | null | undefined;
  readonly method: string;
  /** The path of the request, with or without its query. */
  readonly path: string;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Resolves to the principal of a request.
 *
 * @throws {ValetKeyError} `missing_token`, `invalid_request`, and the errors of {@link JwtVerifier.verify}.
 */
async function authenticate(
  verifier: JwtVerifier,
  { authorizations, proof, method, path, signal }: PresentedCredentials,
  { origin = '' }: AuthenticationOptions,
): Promise<Principal> {
  if (authorizations.length > 1) {
    throw new ValetKeyError('invalid_request', 'The request has more than one Authorization header.');
  }
  const { scheme, token } = readAccessToken(authorizations[0]);
  const dpop = scheme === 'DPoP' ? { proof: proof ?? '', method, url: origin + path } : undefined;
  return verifier.verify(token, { dpop, signal });
}

/** The HTTP response that refuses a request. */
export interface ErrorResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** `application/problem+json` (RFC 9457). */
  readonly body: string;
}

/**
 * Resolves to the principal of a request, or to the response that refuses the request. Rejects only with errors that are
 * not `ValetKeyError`s, such as programming errors.
 */
export async function authenticateOrRefuse(
  verifier: JwtVerifier,
  credentials: PresentedCredentials,
  options: AuthenticationOptions,
): Promise<{ readonly principal: Principal } | { readonly refusal: ErrorResponse }> {
  try {
    return { principal: await authenticate(verifier, credentials, options) };
  } catch (error) {
    return { refusal: toErrorResponse(verifier, error, credentials, options) };
  }
}

/** Returns the response for an error. Throws the error again unless it is a `ValetKeyError`. */
function toErrorResponse(
  verifier: JwtVerifier,
  error: unknown,
  { authorizations: [authorization] }: PresentedCredentials,
  options: AuthenticationOptions,
): ErrorResponse {
  if (!ValetKeyError.isInstance(error)) throw error;
  const { status, title, code, message: detail, remediation, retryAfterSeconds, cause } = error;
  const challenge = wwwAuthenticate(error, {
    ...options,
    // Without an origin, no proof is accepted.
    dpop: options.origin === undefined ? undefined : verifier.dpop,
    scheme: hasProofScheme(authorization) ? 'DPoP' : 'Bearer',
  });
  const needsNonce = cause?.type === 'dpop' && cause.error === 'use_dpop_nonce';
  return {
    status,
    headers: {
      'content-type': 'application/problem+json',
      'cache-control': 'no-store',
      ...(challenge === undefined ? {} : { 'www-authenticate': challenge }),
      ...(retryAfterSeconds === undefined ? {} : { 'retry-after': String(retryAfterSeconds) }),
      ...(needsNonce ? { 'dpop-nonce': verifier.dpopNonce() } : {}),
    },
    body: JSON.stringify({ type: 'about:blank', title, status, code, detail, remediation }),
  };
}

/** Returns all values of one header. In contrast, Node's `request.headers` keeps only the first `Authorization`. */
export function readRawHeader(rawHeaders: readonly string[], name: string): string[] {
  return rawHeaders.filter((_, index) => index % 2 === 1 && rawHeaders[index - 1]?.toLowerCase() === name);
}
