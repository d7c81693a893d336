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

/** What each step asks of a token whose issuer is not known yet. */
const requirements: Readonly<Record<ExplainedCheck['check'], string>> = {
  size: 'Not longer than the longest token accepted.',
  form: 'Three segments of canonical base64url, or an opaque token where one is taken.',
  header: 'A JSON object with members of different names, a known shape and no critical extensions.',
  claims: 'A JSON object with members of different names.',
  'look-up': 'Active, by the word of the identity provider.',
  issuer: 'An iss that has a record here.',
  algorithm: 'Signed with an algorithm that its issuer’s record allows.',
  type: 'Of the kind that its issuer’s record takes.',
  dates: 'Within exp, nbf and iat, and not too long a life.',
  audience: 'An aud that its issuer’s record names.',
  client: 'Issued to one of the apps that its issuer’s record names, if it names any.',
  subject: 'A sub that is a non-empty string of bounded length.',
  binding: 'Not bound to a key, or bound by DPoP where that is taken.',
  key: 'A key that the issuer publishes for signatures with this algorithm.',
  signature: 'A signature that fits the key.',
  revocation: 'Not revoked here.',
  proof: 'A DPoP proof for this request, where the token is bound to a key.',
};

/** The same in the words of the issuer's record. */
function requirementsOf(issuer: Issuer): typeof requirements {
  const { algorithms, tokenType, clockToleranceSeconds, audiences, clientIds, dpop } = issuer;
  return {
    ...requirements,
    algorithm: `Signed with ${algorithms.join(' or ')}.`,
    type: `Of the kind that tokenType ${tokenType} takes.`,
    dates: `Within exp, nbf and iat, give or take ${clockToleranceSeconds} seconds, and not too long a life.`,
    audience:
      audiences === null ? 'Any: the record leaves this check out.' : `An aud that names ${audiences.join(' or ')}.`,
    client: clientIds === undefined ? 'Issued to any app.' : `Issued to ${clientIds.join(' or ')}.`,
    binding: dpop === undefined ? 'Not bound to a key.' : 'Not bound to a key, or bound by DPoP.',
  };
}

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
  const asked = issuer === undefined ? requirements : requirementsOf(issuer);
  const checks = steps.map((check): ExplainedCheck => {
    if (failure !== undefined && check === last) {
      return { check, outcome: 'failed', detail: failure.message, remediation: failure.remediation };
    }
    return { check, outcome: begun.includes(check) ? 'passed' : 'not_reached', detail: asked[check] };
  });
  return { accepted: failure === undefined, issuer: issuer?.issuer, checks };
}
