import { ValetKeyError, type Principal } from '@valetkey/core-types';
import { readAccessToken } from './authorization-header.ts';
import { wwwAuthenticate, type ChallengeOptions } from './challenge.ts';
import type { JwtVerifier } from '../verify/create-jwt-verifier.ts';

/** How requests are authenticated. */
export interface AuthenticationOptions extends ChallengeOptions {
  /**
   * Where callers reach this service, such as `https://api.example.com`: what the `htu` of DPoP proofs is compared with.
   * It is not read from the request, for whoever sends that chooses its `Host`. Without it no proof is accepted.
   */
  readonly origin?: string | undefined;
}

/** What is looked at of a request. */
export interface RequestParts {
  /** Every `Authorization` header: more than one is refused. */
  readonly authorizations: readonly string[];
  readonly proof: string | null | undefined;
  readonly method: string;
  /** Path of the request, with or without query. */
  readonly path: string;
  readonly signal?: AbortSignal | undefined;
}

/** Turns the credentials of a request into a principal. */
export async function authenticate(
  verifier: JwtVerifier,
  { authorizations, proof, method, path, signal }: RequestParts,
  { origin = '' }: AuthenticationOptions,
): Promise<Principal> {
  if (authorizations.length > 1) {
    throw new ValetKeyError('invalid_request', 'The request has more than one Authorization header.');
  }
  const { scheme, token } = readAccessToken(authorizations[0]);
  const dpop = scheme === 'DPoP' ? { proof: proof ?? '', method, url: origin + path } : undefined;
  return verifier.verify(token, { dpop, signal });
}

/** An error as an HTTP answer. */
export interface ErrorAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** `application/problem+json` (RFC 9457). */
  readonly body: string;
}

/** Writes an error as the answer to its request. Anything but a `ValetKeyError` is thrown again. */
export function answerError(verifier: JwtVerifier, error: unknown, options: AuthenticationOptions): ErrorAnswer {
  if (!ValetKeyError.isInstance(error)) throw error;
  const { status, title, code, message: detail, remediation, retryAfterSeconds, reason } = error;
  const challenge = wwwAuthenticate(error, options);
  return {
    status,
    headers: {
      'content-type': 'application/problem+json',
      'cache-control': 'no-store',
      ...(challenge === undefined ? {} : { 'www-authenticate': challenge }),
      ...(retryAfterSeconds === undefined ? {} : { 'retry-after': String(retryAfterSeconds) }),
      ...(reason === 'use_dpop_nonce' ? { 'dpop-nonce': verifier.dpopNonce() } : {}),
    },
    body: JSON.stringify({ type: 'about:blank', title, status, code, detail, remediation }),
  };
}

/** The values of one header as they came in: Node itself keeps only the first `Authorization`. */
export function readRawHeader(rawHeaders: readonly string[], name: string): string[] {
  return rawHeaders.filter((_, index) => index % 2 === 1 && rawHeaders[index - 1]?.toLowerCase() === name);
}
