import { ValetKeyError, type Principal } from '@valetkey/core-types';
import type { JwtVerifier } from '@valetkey/jwt-verify';
import type { Store } from './store.ts';

/**
 * Finds out whose token it is. Throws what the verifier throws, and `user_blocked` for a person whom the operator has
 * shut out, in every broker over the same store and from the next request on. `onVerified` has its say before the store
 * is asked.
 */
export type Identify = (token: string, onVerified?: (principal: Principal) => void) => Promise<Principal>;

/** Makes the one way to a principal. Where the store cannot be asked nobody is let in: it rejects with `overloaded`. */
export function createIdentify(verifier: JwtVerifier, store: Store): Identify {
  return async (token, onVerified) => {
    const principal = await verifier.verify(token);
    onVerified?.(principal);
    if (await store.isBlocked(principal)) throw new ValetKeyError('user_blocked', 'This user is blocked.');
    return principal;
  };
}
