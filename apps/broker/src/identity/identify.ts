import { ValetKeyError, type Principal } from '@valetkey/core-types';
import type { JwtVerifier } from '@valetkey/jwt-verify';
import type { PrincipalId, Store } from '../storage/store.ts';

/**
 * Returns the principal of a token. Rejects with the error of the verifier, with `user_blocked` if the operator has blocked
 * the principal, with `invalid_token` and the reason `revoked` if the identity provider has ended the token's session, and
 * with `overloaded` if the store cannot be read.
 */
export type Identify = (token: string) => Promise<Principal>;

interface IdentifyDependencies {
  readonly verifier: JwtVerifier;
  readonly store: Store;
  /** Called with each verified principal before the store is read. If it throws, `identify` rejects with its error. */
  readonly assertWithinRate?: ((principal: PrincipalId) => void) | undefined;
}

/**
 * Creates `identify`. Every route gets its principals from it, so that a block or a logout takes effect on each route: at
 * once in the broker that receives it, within two seconds in every other broker over the store.
 */
export function createIdentify({ verifier, store, assertWithinRate }: IdentifyDependencies): Identify {
  return async (token) => {
    const principal = await verifier.verify(token);
    assertWithinRate?.(principal);
    if (await store.isBlocked(principal)) throw new ValetKeyError('user_blocked', 'This user is blocked.');
    if (await isRevoked(principal, store)) throw revokedError();
    return principal;
  };
}

/** Returns whether a logout concerns the token of a principal. A token without `iat` counts as issued before each logout. */
async function isRevoked(
  { issuer, subject, claims: { sid, iat } }: Principal,
  store: Pick<Store, 'isSessionRevoked' | 'listRevocations'>,
): Promise<boolean> {
  const session = typeof sid === 'string' ? sid : '';
  if (session !== '' && (await store.isSessionRevoked({ issuer, session }))) return true;
  const revocations = await store.listRevocations({ issuer, subject });
  return revocations.some(
    ({ session: ended, issuedUntilSeconds }) =>
      // A token that names no session may be a token of each session that ended.
      (ended === '' || session === '') && (typeof iat !== 'number' || iat <= issuedUntilSeconds),
  );
}

function revokedError(): ValetKeyError {
  return new ValetKeyError('invalid_token', 'The token was revoked: its user has signed out.', {
    reason: 'revoked',
    remediation: 'Sign in again for a new token.',
  });
}

/** Returns a text made of issuer and subject: equal for equal principals, different for different principals. */
export function principalKey({ issuer, subject }: PrincipalId): string {
  return JSON.stringify([issuer, subject]);
}
