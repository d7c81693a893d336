import { ValetKeyError, type Issuer } from '@valetkey/core-types';

/**
 * Returns the error `identity_unavailable` (503), for an identity provider that must be called and gives no usable
 * response. This is never the caller's fault.
 */
export function identityUnavailable({ issuer }: Issuer, reason: string, retryAfterSeconds: number): ValetKeyError {
  return new ValetKeyError('identity_unavailable', `The identity provider ${issuer} gives no usable response.`, {
    reason,
    retryAfterSeconds: Math.max(1, Math.ceil(retryAfterSeconds)),
  });
}
