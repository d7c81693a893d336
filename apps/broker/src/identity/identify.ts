import { ValetKeyError, type Principal } from '@valetkey/core-types';
import type { JwtVerifier } from '@valetkey/jwt-verify';
import type { Store } from '../storage/store.ts';

/**
 * Returns the principal of a token. Rejects with what the verifier rejects with, with `user_blocked` for a user whom the
 * operator has blocked, and with `overloaded` where the store cannot say whether the user is blocked.
 */
export type Identify = (token: string) => Promise<Principal>;

interface IdentifyDependencies {
  readonly verifier: JwtVerifier;
  readonly store: Store;
  /** Called with each verified principal before the store is read. What it throws ends the request. */
  readonly countRequest?: ((principal: Principal) => void) | undefined;
}

/** Creates the only way from a token to a principal. A block takes effect with the next request, in every broker. */
export function createIdentify({ verifier, store, countRequest }: IdentifyDependencies): Identify {
  return async (token) => {
    const principal = await verifier.verify(token);
    countRequest?.(principal);
    if (await store.isBlocked(principal)) throw new ValetKeyError('user_blocked', 'This user is blocked.');
    return principal;
  };
}
