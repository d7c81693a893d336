import { ValetKeyError, type Principal } from '@valetkey/core-types';
import type { JwtVerifier } from '@valetkey/jwt-verify';
import type { PrincipalId, Store } from '../storage/store.ts';

/**
 * Returns the principal of a token. Rejects with the error of the verifier, with `user_blocked` if the operator has blocked
 * the principal, and with `overloaded` if the store cannot be read.
 */
export type Identify = (token: string) => Promise<Principal>;

interface IdentifyDependencies {
  readonly verifier: JwtVerifier;
  readonly store: Store;
  /** Called with each verified principal before the store is read. If it throws, `identify` rejects with its error. */
  readonly assertWithinRate?: ((principal: PrincipalId) => void) | undefined;
}

/**
 * Creates `identify`. Every route gets its principals from it, so that a block takes effect on each route, in every broker
 * over the store, from the next request on.
 */
export function createIdentify({ verifier, store, assertWithinRate }: IdentifyDependencies): Identify {
  return async (token) => {
    const principal = await verifier.verify(token);
    assertWithinRate?.(principal);
    if (await store.isBlocked(principal)) throw new ValetKeyError('user_blocked', 'This user is blocked.');
    return principal;
  };
}

/** Returns a text made of issuer and subject: equal for equal principals, different for different principals. */
export function principalKey({ issuer, subject }: PrincipalId): string {
  return JSON.stringify([issuer, subject]);
}
