import type { IssuerOptions, ProviderIssuer } from '@valetkey/core-types';
import { authgear } from './authgear.ts';

const providers = { authgear } as const;

/**
 * Returns the issuer record of an identity provider that is given by name. Returns an issuer record unchanged.
 *
 * @example
 * ```ts
 * import { createJwtVerifier, issuerRecord } from '@valetkey/jwt-verify';
 *
 * const record = issuerRecord({ provider: 'authgear', endpoint: 'https://project.authgear.cloud' });
 * const verifier = createJwtVerifier({ issuers: [record] });
 * ```
 */
export function issuerRecord(issuer: IssuerOptions | ProviderIssuer): IssuerOptions {
  if (!('provider' in issuer)) return issuer;
  const { provider, ...options } = issuer;
  return providers[provider](options);
}
