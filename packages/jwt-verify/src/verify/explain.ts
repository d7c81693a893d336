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
  /** The requirement of the step; for a failed check, the reason of the failure. */
  readonly detail: string;
  /** The change that is needed. Only a failed check has it. */
  readonly remediation?: string | undefined;
}

/** The outcome of every check of a token. Its texts come from the options and from errors, never from the token. */
export interface Explanation {
  readonly accepted: boolean;
  /** The issuer whose rules were applied. Absent if the token names no configured issuer. */
  readonly issuer?: string | undefined;
  readonly checks: readonly ExplainedCheck[];
}

/** Runs every step of verification and the check of the proof, and describes each. The result is not remembered. */
export async function explainToken(
  token: string,
  { dpop }: VerifyContext,
  dependencies: TokenVerificationDependencies,
): Promise<Explanation> {
  const proofStep = {
    name: 'proof',
    requirement: () => 'A DPoP proof for this request, if the token is bound to a key.',
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
  // Undefined if a step before the one that sets the issuer has failed.
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
