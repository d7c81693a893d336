import { ValetKeyError, type Issuer } from '@valetkey/core-types';
import { checkPresentation } from '../dpop/dpop-proof.ts';
import type { Step } from './verification.ts';
import {
  chooseSteps,
  startVerification,
  runSteps,
  type TokenVerificationDependencies,
  type VerificationStep,
  type VerifyContext,
} from './verify-token.ts';

/** The outcome of one step of verification. */
export interface ExplainedCheck {
  readonly check: VerificationStep | 'proof';
  readonly outcome: 'passed' | 'failed' | 'not_reached';
  /** What the step requires of the token; for a failed check, what is wrong. */
  readonly detail: string;
  /** What to change; only on a failed check. */
  readonly remediation?: string | undefined;
}

/** The outcome of every check of a token. It contains only what is in the options or in an error. */
export interface Explanation {
  readonly accepted: boolean;
  /** The issuer that the token was checked against, where it is known. */
  readonly issuer?: string | undefined;
  readonly checks: readonly ExplainedCheck[];
}

/** Runs the steps of verification and the check of the proof, and describes each. The result is not remembered. */
export async function explainToken(
  token: string,
  { dpop }: VerifyContext,
  dependencies: TokenVerificationDependencies,
): Promise<Explanation> {
  const proofStep = {
    name: 'proof',
    requirement: () => 'A DPoP proof for this request, where the token is bound to a key.',
    run: ({ binding }) => checkPresentation(token, binding, dpop, dependencies.dpop),
  } as const satisfies Step;
  const steps = [...chooseSteps(token, dependencies), proofStep];
  const verification = startVerification(token);
  let failure: ValetKeyError | undefined;
  try {
    await runSteps(steps, verification, dependencies);
  } catch (error) {
    if (!ValetKeyError.isInstance(error)) throw error;
    failure = error;
  }
  // Absent where a step before the issuer's failed.
  const issuer: Issuer | undefined = verification.issuer;
  const failedAt = failure === undefined ? steps.length : steps.findIndex((step) => step === verification.step);
  const checks = steps.map(({ name: check, requirement }, index): ExplainedCheck => {
    if (failure !== undefined && index === failedAt) {
      return { check, outcome: 'failed', detail: failure.message, remediation: failure.remediation };
    }
    return { check, outcome: index < failedAt ? 'passed' : 'not_reached', detail: requirement(issuer) };
  });
  return { accepted: failure === undefined, issuer: issuer?.issuer, checks };
}
