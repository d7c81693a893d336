import { documentUrlSchema, type Issuer } from '@valetkey/core-types';
import { FetchFailure, fetchJson, type FetchDependencies } from '../provider-http/fetch-json.ts';
import { withoutEndSlash } from '../token/issuer-index.ts';
import { isJsonObject } from '../token/token-text.ts';

/** Returns the URLs of a provider's metadata: of OpenID Connect Discovery 1.0 section 4 and of RFC 8414 sections 3.1 and 5. */
function metadataUrls(issuer: string): readonly string[] {
  const { origin, pathname } = new URL(issuer);
  const path = pathname.replace(/\/$/, '');
  return [
    `${origin}${path}/.well-known/openid-configuration`,
    `${origin}/.well-known/oauth-authorization-server${path}`,
    // Without a path, this is the first URL again.
    ...(path === '' ? [] : [`${origin}/.well-known/openid-configuration${path}`]),
  ];
}

/** Why there is no usable metadata at a URL. */
interface Miss {
  readonly missed: string;
  /** The issuer that the metadata names, if it is the configured one apart from the slash at its end. */
  readonly spelling?: string;
}

/**
 * Fetches the metadata at one URL. It must name this exact issuer (RFC 8414 section 3.3).
 *
 * @returns The URL of the keys, or the reason why there is no usable metadata at the URL.
 * @throws {FetchFailure} If the provider gives no usable response, so that it may have metadata there.
 */
async function readJwksUri(
  url: string,
  issuer: string,
  http: FetchDependencies,
): Promise<{ readonly jwksUri: string } | Miss> {
  let metadata: unknown;
  try {
    metadata = await fetchJson(url, {}, http);
  } catch (error) {
    if (error instanceof FetchFailure && error.isMiss) return { missed: error.reason };
    throw error;
  }
  if (!isJsonObject(metadata) || typeof metadata['issuer'] !== 'string') return { missed: 'not_metadata' };
  const { issuer: named } = metadata;
  if (named !== issuer) {
    const isMeant = withoutEndSlash(named) === withoutEndSlash(issuer);
    return { missed: 'other_issuer', ...(isMeant && { spelling: named }) };
  }
  const { success, data } = documentUrlSchema.safeParse(metadata['jwks_uri']);
  return success ? { jwksUri: data } : { missed: 'unsafe_jwks_uri' };
}

/**
 * Resolves to the URL of a provider's keys, from the first metadata URL that has metadata of this issuer (RFC 8414 section
 * 3.3), or of `metadataIssuer`.
 *
 * @throws {FetchFailure} If the provider publishes no usable metadata. Its `detail` lists the URLs and what each of them gave.
 */
export async function discoverJwksUri(
  { issuer, metadataUri, metadataIssuer = issuer }: Issuer,
  http: FetchDependencies,
): Promise<string> {
  const misses: (Miss & { readonly url: string })[] = [];
  for (const url of metadataUri === undefined ? metadataUrls(issuer) : [metadataUri]) {
    const read = await readJwksUri(url, metadataIssuer, http);
    if ('jwksUri' in read) return read.jwksUri;
    misses.push({ url, ...read });
  }
  const { spelling } = misses.find((miss) => miss.spelling !== undefined) ?? {};
  const advice =
    spelling === undefined
      ? 'Set jwksUri to the URL of its keys, or correct the issuer.'
      : `Configure the issuer as ${spelling}, which differs only in the slash at the end.`;
  const places = misses.map(({ url, missed }) => `${url} (${missed})`);
  const tried = [places.slice(0, -1).join(', '), ...places.slice(-1)].filter((text) => text !== '').join(' and ');
  throw new FetchFailure(reasonFor(misses.map(({ missed }) => missed)), {
    detail: `The identity provider ${issuer} publishes no metadata that names it and its keys. Tried ${tried}. ${advice}`,
  });
}

/** Returns the reason that tells most: that of metadata with a fault, if there is any. */
function reasonFor(misses: readonly string[]): string {
  return misses.find((missed) => missed === 'other_issuer' || missed === 'unsafe_jwks_uri') ?? 'no_metadata';
}
