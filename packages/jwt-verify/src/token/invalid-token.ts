import { ValetKeyError, type DpopErrorCode } from '@valetkey/core-types';

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
 * never a value from the token. A DPoP error is also the error's `cause`, by which programs decide. The two reasons that are
 * DPoP errors have that cause without being told.
 */
export function invalidToken(
  reason: RefusalReason,
  detail: string,
  remediation?: string,
  dpopError?: DpopErrorCode,
): ValetKeyError {
  const error = reason === 'invalid_dpop_proof' || reason === 'use_dpop_nonce' ? reason : dpopError;
  const cause = error && ({ type: 'dpop', error } as const);
  return new ValetKeyError('invalid_token', detail, { reason, remediation, cause });
}
