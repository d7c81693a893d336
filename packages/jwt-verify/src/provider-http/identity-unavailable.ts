import { ValetKeyError, type Issuer } from '@valetkey/core-types';

/** What is known about a provider that gives no usable response. */
interface Unavailability {
  /** A short word for the log. */
  readonly reason: string;
  readonly retryAfterSeconds: number;
  /** A sentence for the operator. */
  readonly advice?: string | undefined;
}

/**
 * Returns the error `identity_unavailable` (503), for an identity provider that must be called and gives no usable
 * response. This is never the caller's fault.
 */
export function identityUnavailable({ issuer }: Issuer, unavailability: Unavailability): ValetKeyError {
  return createError(`The identity provider ${issuer} gives no usable response.`, unavailability);
}

/**
 * Returns the error `identity_unavailable` (503), for a token that may be signed with a key which its provider has
 * published since the last fetch, while the next fetch must wait.
 */
export function keyNotKnownYet({ issuer }: Issuer, retryAfterSeconds: number): ValetKeyError {
  return createError(
    `The token may be signed with a new key of ${issuer}. Its keys were fetched a moment ago and cannot be fetched again yet.`,
    { reason: 'fetch_budget', retryAfterSeconds },
  );
}

function createError(detail: string, { retryAfterSeconds, ...options }: Unavailability): ValetKeyError {
  const seconds = Math.max(1, Math.ceil(retryAfterSeconds));
  return new ValetKeyError('identity_unavailable', detail, { ...options, retryAfterSeconds: seconds });
}
