import type { OpaqueTokens } from '../opaque/opaque-tokens.ts';
import {
  audienceStep,
  bindingStep,
  datesStep,
  formRequirement,
  listForms,
  unknownIssuer,
  revocationStep,
  sizeStep,
} from './shared-steps.ts';
import { claimRulesStep, clientStep, personStep, subjectStep } from './claim-steps.ts';
import type { Step } from './verification.ts';

/** Returns the steps for a token that is looked up at its issuer, in their order. */
export function createOpaqueSteps({ issuer, cacheSeconds, lookUp, recordOutcome }: OpaqueTokens) {
  return [
    sizeStep,
    {
      name: 'form',
      requirement: () => formRequirement,
      // Nothing to check: `chooseSteps` has checked the form.
      run: () => {},
    },
    {
      name: 'look-up',
      requirement: () => 'Active according to the identity provider.',
      run: async (verification) => {
        verification.issuer = issuer;
        verification.canonicalIssuer = issuer.issuer;
        verification.reuseSeconds = cacheSeconds;
        const claims = await lookUp(verification.token);
        verification.claims = claims;
        verification.recordOutcome = (refusal) => recordOutcome(verification.token, claims, refusal);
      },
    },
    {
      name: 'issuer',
      requirement: () => 'No iss, or the iss of the identity provider that was called.',
      run: ({ claims }) => {
        const forms: readonly unknown[] = listForms([issuer]);
        if (Object.hasOwn(claims, 'iss') && !forms.includes(claims['iss']))
          throw unknownIssuer(listForms([issuer]), claims['iss']);
      },
    },
    {
      ...datesStep,
      // An opaque token may have no exp. The provider's response is reused only for `cacheSeconds`.
      run: (verification, dependencies) => {
        if (Object.hasOwn(verification.claims, 'exp')) datesStep.run(verification, dependencies);
      },
    },
    {
      ...audienceStep,
      requirement: (known) =>
        issuer.resolver === undefined ? audienceStep.requirement(known) : 'Any: a session resolver names no audience.',
      run: (verification) => {
        if (issuer.resolver === undefined) audienceStep.run(verification);
      },
    },
    clientStep,
    claimRulesStep,
    personStep,
    subjectStep,
    bindingStep,
    revocationStep,
  ] as const satisfies readonly Step[];
}
