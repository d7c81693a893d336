import { documentUrlSchema, type Issuer } from '@valetkey/core-types';
import { FetchFailure, fetchJson, type FetchDependencies } from '../provider-http/fetch-json.ts';
import { isJsonObject } from '../token/token-text.ts';

/** Returns the URLs of a provider's metadata: of OpenID Connect Discovery 1.0 section 4 and of RFC 8414 section 3.1. */
function metadataUrls(issuer: string): readonly [string, string] {
  const { origin, pathname } = new URL(issuer);
  const path = pathname.replace(/\/$/, '');
  return [
    `${origin}${path}/.well-known/openid-configuration`,
    `${origin}/.well-known/oauth-authorization-server${path}`,
  ];
}

async function fetchMetadata(issuer: string, http: FetchDependencies): Promise<unknown> {
  const [openid, oauth] = metadataUrls(issuer);
  try {
    return await fetchJson(openid, {}, http);
  } catch (error) {
    if (error instanceof FetchFailure && error.status === 404) return fetchJson(oauth, {}, http);
    throw error;
  }
}

/**
 * Resolves to the URL of a provider's keys. The metadata must name this exact issuer (RFC 8414 section 3.3), or
 * `metadataIssuer`.
 *
 * @throws {FetchFailure} If the provider publishes no usable metadata.
 */
export async function discoverJwksUri(
  { issuer, metadataUri, metadataIssuer = issuer }: Issuer,
  http: FetchDependencies,
): Promise<string> {
  const metadata = await (metadataUri === undefined ? fetchMetadata(issuer, http) : fetchJson(metadataUri, {}, http));
  if (!isJsonObject(metadata)) throw new FetchFailure('not_metadata');
  if (metadata['issuer'] !== metadataIssuer) throw new FetchFailure('other_issuer');
  const { success, data } = documentUrlSchema.safeParse(metadata['jwks_uri']);
  if (!success) throw new FetchFailure('unsafe_jwks_uri');
  return data;
}
