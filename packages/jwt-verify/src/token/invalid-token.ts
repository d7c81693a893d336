import { ValetKeyError, type FailureCause } from '@valetkey/core-types';

/** Why a token was refused: the `reason` of every `invalid_token` error of this package. */
export type RefusalReason =
  | 'token_too_large'
  | 'malformed_token'
  | 'encrypted_token'
  | 'malformed_header'
  | 'critical_header'
  | 'malformed_claims'
  | 'unknown_issuer'
  | 'algorithm_not_allowed'
  | 'wrong_token_type'
  | 'malformed_date'
  | 'expired'
  | 'not_yet_valid'
  | 'issued_in_future'
  | 'lifetime_too_long'
  | 'wrong_audience'
  | 'wrong_client'
  | 'malformed_subject'
  | 'unknown_tenant'
  | 'wrong_header'
  | 'missing_claim'
  | 'forbidden_claim'
  | 'machine_token'
  | 'anonymous_user'
  | 'bound_token'
  | 'unbound_token'
  | 'unknown_key'
  | 'wrong_signature'
  | 'revoked'
  | 'inactive'
  | 'invalid_dpop_proof'
  | 'use_dpop_nonce';

/**
 * Returns the error `invalid_token`. `detail` and `remediation` contain only our own words and the operator's settings,
 * never a value from the token. The two DPoP reasons are also the error's `cause`, by which programs decide.
 */
export function invalidToken(reason: RefusalReason, detail: string, remediation?: string): ValetKeyError {
  const cause: FailureCause | undefined =
    reason === 'invalid_dpop_proof' || reason === 'use_dpop_nonce' ? { type: 'dpop', error: reason } : undefined;
  return new ValetKeyError('invalid_token', detail, { reason, remediation, cause });
}
