import { ValetKeyError } from '@valetkey/core-types';
import type { Issuer } from '@valetkey/core-types';

/** Why a token was refused: the `reason` of every `invalid_token` error of this package. */
export type RefusalReason =
  | 'token_too_large'
  | 'malformed_token'
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
  | 'bound_token'
  | 'unbound_token'
  | 'unknown_key'
  | 'wrong_signature'
  | 'revoked'
  | 'inactive'
  | 'invalid_dpop_proof'
  | 'use_dpop_nonce';

/** Makes the error of a refused token. `detail` and `remediation` are our own words and the operator's settings. */
export function refuse(reason: RefusalReason, detail: string, remediation?: string): ValetKeyError {
  return new ValetKeyError('invalid_token', detail, { reason, remediation });
}

/** Makes the error of an identity provider that gives no answer: never the caller's fault. */
export function unavailable(issuer: Issuer, reason: string, retryAfterSeconds: number): ValetKeyError {
  return new ValetKeyError('identity_unavailable', `The identity provider ${issuer.issuer} does not answer.`, {
    reason,
    retryAfterSeconds: Math.max(1, Math.ceil(retryAfterSeconds)),
  });
}
