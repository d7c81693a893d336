import { secureUrlSchema, type Issuer } from '@valetkey/core-types';
import { FetchFailure, fetchJson, type FetchBounds } from '../provider-http/fetch-json.ts';
import { isJsonObject } from '../token/token-text.ts';

/** Returns where a provider's metadata may be: OpenID Connect Discovery 1.0 section 4, then RFC 8414 section 3.1. */
function metadataUrls(issuer: string): readonly [string, string] {
  const { origin, pathname } = new URL(issuer);
  const path = pathname.replace(/\/$/, '');
  return [
    `${origin}${path}/.well-known/openid-configuration`,
    `${origin}/.well-known/oauth-authorization-server${path}`,
  ];
}

async function fetchMetadata(issuer: string, bounds: FetchBounds): Promise<unknown> {
  const [openid, oauth] = metadataUrls(issuer);
  try {
    return await fetchJson(openid, {}, bounds);
  } catch (error) {
    if (error instanceof FetchFailure && error.status === 404) return fetchJson(oauth, {}, bounds);
    throw error;
  }
}

/**
 * Resolves to the URL of the provider's keys. The metadata must name this exact issuer (RFC 8414 section 3.3).
 *
 * @throws {FetchFailure} Where the provider publishes no usable metadata.
 */
export async function discoverJwksUri({ issuer }: Issuer, bounds: FetchBounds): Promise<string> {
  const metadata = await fetchMetadata(issuer, bounds);
  if (!isJsonObject(metadata)) throw new FetchFailure('not_metadata');
  if (metadata['issuer'] !== issuer) throw new FetchFailure('other_issuer');
  const { success, data } = secureUrlSchema.safeParse(metadata['jwks_uri']);
  if (!success) throw new FetchFailure('unsafe_jwks_uri');
  return data;
}
