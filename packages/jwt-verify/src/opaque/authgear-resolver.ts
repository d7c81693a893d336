import type { Issuer } from '@valetkey/core-types';
import { FetchFailure, fetchBounded, type FetchDependencies } from '../provider-http/fetch-json.ts';
import type { JsonObject } from '../token/token-text.ts';

type Resolver = NonNullable<Issuer['resolver']>;

/** Authgear's boolean headers about a user, and the claims of Authgear's JWTs with the same meaning. */
const userFlags = { anonymous: 'is_anonymous', verified: 'is_verified', 'can-reauthenticate': 'can_reauthenticate' };

function splitList(value: string | null): string[] | undefined {
  return value === null ? undefined : value.split(/[ ,]+/).filter((part) => part !== '');
}

/** Returns the headers of a valid session as claims, named as in Authgear's JWTs; undefined if there is no session. */
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
 * Looks up a token at Authgear's session resolver. Resolves to claims, or to undefined if there is no valid session.
 *
 * Source: Authgear's resolver. It always responds 200. Only the exact value `true` of `session-valid` means a session.
 *
 * @throws {FetchFailure} If the resolver gives no usable response.
 */
export function resolveToken(
  issuer: string,
  { endpoint, headerPrefix }: Resolver,
  token: string,
  http: FetchDependencies,
): Promise<JsonObject | undefined> {
  const headers = { authorization: `Bearer ${token}` };
  return fetchBounded(endpoint, { headers }, http, async (response) => {
    await response.body?.cancel();
    // A page of a server on the way says nothing about the token.
    if (/^text\/html\b/i.test(response.headers.get('content-type') ?? '')) {
      throw new FetchFailure('not_a_resolver', { isMiss: true });
    }
    return claimsOf(issuer, (header) => response.headers.get(headerPrefix + header));
  });
}
