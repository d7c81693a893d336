import { ValetKeyError, type Issuer } from '@valetkey/core-types';
import { invalidToken, type RefusalReason } from '../token/invalid-token.ts';
import type { VerificationDependencies } from './verification.ts';

/** Returns a refusal with the issuer's remediation for its reason. A remediation for a claim is more exact, and stays. */
export function withRemediation(error: unknown, remediations: readonly Issuer['remediations'][]): unknown {
  if (!ValetKeyError.isInstance(error) || error.code !== 'invalid_token') return error;
  const { message, reason, remediation, cause } = error as ValetKeyError & { readonly reason: RefusalReason };
  if (remediations.some((sentences) => Object.values(sentences).includes(remediation))) return error;
  const found = remediations.flatMap((sentences) => (Object.hasOwn(sentences, reason) ? [sentences[reason]] : []));
  if (found.length === 0) return error;
  const dpopError = cause?.type === 'dpop' ? cause.error : undefined;
  return invalidToken(reason, message, [...new Set(found)].join(' '), dpopError);
}

/** Returns the remediations of the token's issuer; of every issuer if the token's issuer is not known yet. */
export function remediationsFor(
  issuer: Issuer | undefined,
  { issuers }: Pick<VerificationDependencies, 'issuers'>,
): readonly Issuer['remediations'][] {
  return issuer === undefined ? issuers.map(({ issuer: { remediations } }) => remediations) : [issuer.remediations];
}
