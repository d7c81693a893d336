import { ValetKeyError, type Issuer } from '@valetkey/core-types';
import { checkPresentation } from '../dpop/dpop-proof.ts';
import { describeSeconds } from '../token/describe-seconds.ts';
import { parseSegment } from '../token/token-text.ts';
import { listForms } from './shared-steps.ts';
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

/** What a token says about itself, as written and not verified. Show it to the operator, and never to a caller. */
export interface ExplainedToken {
  readonly iss?: unknown;
  readonly aud?: unknown;
  /** The claims that usually name the app (`azp`, `client_id`, `cid`, `appid`), without those that are absent. */
  readonly app?: Readonly<Record<string, unknown>> | undefined;
  /** The header's `typ`. */
  readonly typ?: unknown;
  /** The header's `alg`. */
  readonly alg?: unknown;
  /** `exp - iat`, in seconds. */
  readonly lifetimeSeconds?: number | undefined;
}

/** What is accepted of each member of {@link ExplainedToken}, as texts of this package. */
export interface ExpectedToken {
  readonly iss: string;
  readonly aud?: string | undefined;
  readonly typ?: string | undefined;
  readonly alg?: string | undefined;
  readonly lifetime?: string | undefined;
}

/** The outcome of every check of a token. Only `token` contains text of the token; the other texts are this package's own. */
export interface Explanation {
  readonly accepted: boolean;
  /** Absent if the text is no token with readable segments. */
  readonly token?: ExplainedToken | undefined;
  /** Only `iss` is present if the token names no configured issuer and several are configured. */
  readonly expected: ExpectedToken;
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
    run: ({ canonicalIssuer: issuer, subject, binding }) =>
      checkPresentation({ token, principal: { issuer, subject }, binding }, dpop, dependencies.dpop),
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
  return {
    accepted: failure === undefined,
    issuer: issuer?.issuer,
    token: describeToken(token),
    expected: describeExpected(issuer, dependencies),
    checks,
  };
}

/** Describes what an issuer accepts: the issuer of the token, or the only one. */
function describeExpected(
  own: Issuer | undefined,
  { issuers }: Pick<TokenVerificationDependencies, 'issuers'>,
): ExpectedToken {
  const all = issuers.map(({ issuer }) => issuer);
  const issuer = own ?? (all.length === 1 ? all[0] : undefined);
  if (issuer === undefined) return { iss: listForms(all).join(' or ') };
  const { audiences, tokenType, algorithms, maxLifetimeSeconds } = issuer;
  return {
    iss: listForms([issuer]).join(' or '),
    aud: audiences === null ? 'any' : audiences.join(' or '),
    typ: expectedTypes[tokenType],
    alg: algorithms.join(' or '),
    lifetime: maxLifetimeSeconds === null ? 'any' : `at most ${describeSeconds(maxLifetimeSeconds)}`,
  };
}

const expectedTypes = {
  access: 'at+jwt',
  any: 'at+jwt, JWT or none, and no ID token',
  id: 'JWT or none, and an ID token',
} as const satisfies Record<Issuer['tokenType'], string>;
const appClaims = ['azp', 'client_id', 'cid', 'appid'];

/** Returns what the token says about itself. An encrypted token has a readable header and no readable claims. */
function describeToken(token: unknown): ExplainedToken | undefined {
  if (typeof token !== 'string') return undefined;
  const [headerText = '', claimsText = ''] = token.split('.', 2);
  const header = parseSegment(headerText);
  if (header === undefined) return undefined;
  const { alg, typ } = header;
  const claims = parseSegment(claimsText) ?? {};
  const { iss, aud, iat, exp } = claims;
  const app = Object.fromEntries(
    appClaims.filter((name) => Object.hasOwn(claims, name)).map((name) => [name, claims[name]]),
  );
  const lifetimeSeconds = typeof iat === 'number' && typeof exp === 'number' ? exp - iat : undefined;
  return { iss, aud, app, typ, alg, lifetimeSeconds };
}
