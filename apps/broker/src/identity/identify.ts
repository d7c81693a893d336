import { ValetKeyError, type Principal } from '@valetkey/core-types';
import type { DpopContext, JwtVerifier } from '@valetkey/jwt-verify';
import type { Decision } from '../storage/audit-store.ts';
import type { PrincipalId, Revocation, Store } from '../storage/store.ts';

/** A request whose caller is to be identified. */
export interface CallerRequest {
  readonly id: string;
  readonly token: string;
  /** The caller's DPoP proof, and the request that it is for. Absent for a bearer token. */
  readonly dpop?: DpopContext | undefined;
  /** What the caller asks for. */
  readonly operation: Decision['operation'];
  /** The connection's name as the caller sent it. It may be any text. */
  readonly connection?: string | undefined;
  readonly clientAddress?: string | undefined;
}

/**
 * Returns the principal of the token of a request. Rejects with the error of the verifier, with `user_blocked` if the operator
 * has blocked the principal, with `invalid_token` and the reason `revoked` if the identity provider has ended the token's
 * session, and with `overloaded` if the store cannot be read.
 */
export type Identify = (request: CallerRequest) => Promise<Principal>;

/** Records that a verified caller is refused. */
export type RecordRefusal = (principal: Principal, request: CallerRequest, refusal: ValetKeyError) => Promise<void>;

interface IdentifyDependencies {
  readonly verifier: JwtVerifier;
  readonly store: Store;
  readonly recordRefusal: RecordRefusal;
  /** Called with each verified principal before the store is read. If it throws, `identify` rejects with its error. */
  readonly assertWithinRate?: ((principal: PrincipalId) => void) | undefined;
  /**
   * What a caller with a token that is bound to a key can do, on routes that accept no proof. Absent: the routes accept proofs.
   */
  readonly boundTokenRemediation?: string | undefined;
}

/**
 * Creates `identify`. Every route gets its principals from it, so that a block or a logout takes effect on each route: at
 * once in the broker that receives it, within two seconds in every other broker over the store. It records the refusal of a
 * caller whose token is valid.
 */
export function createIdentify({
  verifier,
  store,
  recordRefusal,
  assertWithinRate,
  boundTokenRemediation,
}: IdentifyDependencies): Identify {
  const verify = async ({ token, dpop }: CallerRequest): Promise<Principal> => {
    try {
      return await verifier.verify(token, { dpop });
    } catch (error) {
      throw boundTokenRemediation === undefined ? error : adviseOnBoundToken(error, boundTokenRemediation);
    }
  };
  return async (request) => {
    const principal = await verify(request);
    try {
      assertWithinRate?.(principal);
      if (await store.isBlocked(principal)) throw new ValetKeyError('user_blocked', 'This user is blocked.');
      const session = sessionOf(principal);
      if (session !== '' && (await store.isSessionRevoked({ issuer: principal.issuer, session }))) throw revokedError();
      if (isEndedBy(await store.listRevocations(principal), principal)) throw revokedError();
    } catch (error) {
      if (ValetKeyError.isInstance(error) && error.code !== 'overloaded')
        await recordRefusal(principal, request, error);
      throw error;
    }
    return principal;
  };
}

/** Returns the error of the verifier. If the error is about DPoP, it has another remediation, and no DPoP challenge follows from it. */
function adviseOnBoundToken(error: unknown, remediation: string): unknown {
  if (!ValetKeyError.isInstance(error) || error.cause?.type !== 'dpop') return error;
  const { code, message, reason } = error;
  return new ValetKeyError(code, message, { reason, remediation });
}

/** Returns the session that a token names, or an empty text. */
function sessionOf({ claims: { sid } }: Principal): string {
  return typeof sid === 'string' ? sid : '';
}

/** Returns whether a logout concerns the token of a principal. A token without `iat` counts as issued before each logout. */
function isEndedBy(revocations: readonly Revocation[], principal: Principal): boolean {
  const { iat } = principal.claims;
  return revocations.some(
    ({ session, issuedUntilSeconds }) =>
      // A token that names no session may be a token of each session that ended.
      (session === '' || sessionOf(principal) === '') && (typeof iat !== 'number' || iat <= issuedUntilSeconds),
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
