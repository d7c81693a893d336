import type { Issuer } from '@valetkey/core-types';
import { FetchFailure, fetchBounded, type FetchBounds } from '../provider-http/fetch-json.ts';
import type { JsonObject } from '../token/strict-json.ts';

type Resolver = NonNullable<Issuer['resolver']>;

/** Headers of Authgear's resolver that say yes or no about the user, and the claims of its JWTs that say the same. */
const userFlags = { anonymous: 'is_anonymous', verified: 'is_verified', 'can-reauthenticate': 'can_reauthenticate' };

function readList(value: string | null): string[] | undefined {
  return value === null ? undefined : value.split(/[ ,]+/).filter((part) => part !== '');
}

/**
 * Asks a session resolver about a token. Answers claims named as in the provider's JWTs; `undefined` where it knows no
 * valid session.
 *
 * Source: Authgear's resolver. It always answers 200; only the exact value `true` of `session-valid` is a session.
 *
 * @throws {FetchFailure} Where it gives no usable answer.
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
    if (response.status !== 200) throw new FetchFailure(`status_${response.status}`);
    const read = (name: string): string | null => response.headers.get(headerPrefix + name);
    if (read('session-valid') !== 'true') return undefined;
    const claims: Record<string, unknown> = { iss: issuer, sub: read('user-id') };
    for (const [header, claim] of Object.entries(userFlags)) {
      const flag = read(`user-${header}`);
      if (flag !== null) claims[`https://authgear.com/claims/user/${claim}`] = flag === 'true';
    }
    const roles = readList(read('user-roles'));
    if (roles !== undefined) claims['https://authgear.com/claims/user/roles'] = roles;
    const methods = readList(read('session-amr'));
    if (methods !== undefined) claims['amr'] = methods;
    const authenticatedAt = Number(read('session-authenticated-at') ?? NaN);
    if (Number.isFinite(authenticatedAt)) claims['auth_time'] = authenticatedAt;
    return claims;
  });
}
