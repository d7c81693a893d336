import type { Issuer } from '@valetkey/core-types';
import { fetchBounded, type FetchBounds } from '../provider-http/fetch-json.ts';
import type { JsonObject } from '../token/token-text.ts';

type Resolver = NonNullable<Issuer['resolver']>;

/** The boolean headers of Authgear's resolver, and the claims of its JWTs with the same meaning. */
const userFlags = { anonymous: 'is_anonymous', verified: 'is_verified', 'can-reauthenticate': 'can_reauthenticate' };

function splitList(value: string | null): string[] | undefined {
  return value === null ? undefined : value.split(/[ ,]+/).filter((part) => part !== '');
}

/** Returns the headers of a valid session as claims, named as in the provider's JWTs; undefined for no session. */
function claimsOf(issuer: string, read: (header: string) => string | null): JsonObject | undefined {
  if (read('session-valid') !== 'true') return undefined;
  const claims: Record<string, unknown> = { iss: issuer, sub: read('user-id') };
  for (const [header, claim] of Object.entries(userFlags)) {
    const flag = read(`user-${header}`);
    if (flag !== null) claims[`https://authgear.com/claims/user/${claim}`] = flag === 'true';
  }
  const roles = splitList(read('user-roles'));
  if (roles !== undefined) claims['https://authgear.com/claims/user/roles'] = roles;
  const methods = splitList(read('session-amr'));
  if (methods !== undefined) claims['amr'] = methods;
  const authenticatedAt = Number(read('session-authenticated-at') ?? NaN);
  if (Number.isFinite(authenticatedAt)) claims['auth_time'] = authenticatedAt;
  return claims;
}

/**
 * Looks up a token at a session resolver. Resolves to claims, or to undefined where there is no valid session.
 *
 * Source: Authgear's resolver. It always responds with 200; only the exact value `true` of `session-valid` is a session.
 *
 * @throws {FetchFailure} Where the resolver gives no usable response.
 */
export function resolveToken(
  issuer: string,
  { endpoint, headerPrefix }: Resolver,
  token: string,
  bounds: FetchBounds,
): Promise<JsonObject | undefined> {
  const headers = { authorization: `Bearer ${token}` };
  return fetchBounded(endpoint, { headers }, bounds, async (response) => {
    await response.body?.cancel();
    return claimsOf(issuer, (header) => response.headers.get(headerPrefix + header));
  });
}
