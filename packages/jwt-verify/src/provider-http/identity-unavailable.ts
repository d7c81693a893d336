import { ValetKeyError, type Issuer } from '@valetkey/core-types';

/**
 * Returns the error `identity_unavailable` (503): the identity provider has to be called and gives no usable response,
 * which is never the caller's fault.
 */
export function identityUnavailable({ issuer }: Issuer, reason: string, retryAfterSeconds: number): ValetKeyError {
  return new ValetKeyError('identity_unavailable', `The identity provider ${issuer} does not respond.`, {
    reason,
    retryAfterSeconds: Math.max(1, Math.ceil(retryAfterSeconds)),
  });
}
