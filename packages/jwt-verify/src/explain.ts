import { ValetKeyError, type Issuer } from '@valetkey/core-types';
import { lookUpSteps, verificationSteps, type Trace, type VerificationStep } from './verify-token.ts';
import type { VerifiedToken } from './verified-tokens.ts';

/** How one step of verification went. */
export interface ExplainedCheck {
  readonly check: VerificationStep | 'proof';
  readonly outcome: 'passed' | 'failed' | 'not_reached';
  /** What was asked of the token; for a failed check, what is wrong. */
  readonly detail: string;
  /** What to change; on a failed check alone. */
  readonly remediation?: string | undefined;
}

/** A token's way through the checks. It tells nothing that is not in the settings or in an error. */
export interface Explanation {
  readonly accepted: boolean;
  /** The issuer whose record the token was checked against, once known. */
  readonly issuer?: string | undefined;
  readonly checks: readonly ExplainedCheck[];
}

/** What each step asks, in the words of the issuer's record. */
const requirements: Readonly<Record<ExplainedCheck['check'], (issuer: Issuer | undefined) => string>> = {
  size: () => 'Not longer than the longest token accepted.',
  form: () => 'Three segments of canonical base64url, or an opaque token where one is taken.',
  header: () => 'A JSON object with members of different names, a known shape and no critical extensions.',
  claims: () => 'A JSON object with members of different names.',
  issuer: () => 'An iss that has a record here.',
  algorithm: (issuer) => `Signed with ${issuer?.algorithms.join(' or ') ?? 'an allowed algorithm'}.`,
  type: (issuer) => `Of the kind that tokenType ${issuer?.tokenType ?? ''} takes.`,
  dates: (issuer) => `Within exp, nbf and iat, give or take ${issuer?.clockToleranceSeconds ?? 0} seconds.`,
  audience: (issuer) =>
    issuer?.audiences ? `An aud that names ${issuer.audiences.join(' or ')}.` : 'Any: the check is left out.',
  subject: () => 'A sub that is a non-empty string of bounded length.',
  binding: (issuer) =>
    issuer?.dpop === undefined ? 'Not bound to a key.' : 'Bound to a key by cnf.jkt, or not at all.',
  key: () => 'A key that the issuer publishes for signatures with this algorithm.',
  signature: () => 'A signature that fits the key.',
  'look-up': () => 'Active, by the word of the identity provider.',
  revocation: () => 'Not revoked here.',
  proof: () => 'A DPoP proof for this request, where the token is bound to a key.',
};

/** Runs the very steps of verification, and notes each. */
export async function explainToken(
  token: string,
  verifyToken: (token: string, trace: Trace) => Promise<VerifiedToken>,
  checkProof: (verified: VerifiedToken) => Promise<void>,
): Promise<Explanation> {
  const begun: ExplainedCheck['check'][] = [];
  let issuer: Issuer | undefined;
  let failure: ValetKeyError | undefined;
  try {
    const verified = await verifyToken(token, (step, known) => {
      begun.push(step);
      issuer ??= known;
    });
    begun.push('proof');
    await checkProof(verified);
  } catch (error) {
    if (!ValetKeyError.isInstance(error)) throw error;
    failure = error;
  }
  const steps = [...(begun.includes('look-up') ? lookUpSteps : verificationSteps), 'proof'] as const;
  const last = begun.at(-1);
  const checks = steps.map((check): ExplainedCheck => {
    if (failure !== undefined && check === last) {
      return { check, outcome: 'failed', detail: failure.message, remediation: failure.remediation };
    }
    return { check, outcome: begun.includes(check) ? 'passed' : 'not_reached', detail: requirements[check](issuer) };
  });
  return { accepted: failure === undefined, issuer: issuer?.issuer, checks };
}
