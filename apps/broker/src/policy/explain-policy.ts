import { ValetKeyError, type ConnectionCheck, type ConnectionExplanation, type Principal } from '@valetkey/core-types';
import type { PolicyOperation } from '../config/policy-function.ts';
import type { Store } from '../storage/store.ts';
import type { AccessRule } from './access.ts';
import { decideField, type AssertDecided, type DecidedRequest } from './decide.ts';
import type { PolicyRules } from './policy-rules.ts';

/** A check, and the sentence that says what to change if it has not passed. */
export interface Examined extends ConnectionCheck {
  readonly change?: string;
}

/** The rules of a connection or of forward authentication, and where they stand. */
interface ExaminedPolicy {
  /** The part of the configuration that has the rules: `vendors.<name>` or `forwardAuth`. */
  readonly place: string;
  readonly rules: readonly AccessRule[];
  readonly observedRules?: readonly AccessRule[] | undefined;
  readonly assertDecided?: AssertDecided | undefined;
}

/** Explains whether forward authentication lets a principal through. Changes nothing in the store. */
export async function explainForwardAuth(
  { enforced, observed, assertDecided }: PolicyRules,
  principal: Principal,
  operation: 'authorize' | 'resolve',
  store: Pick<Store, 'isBlocked'>,
): Promise<Pick<ConnectionExplanation, 'allowed' | 'checks' | 'change'>> {
  const policy = { place: 'forwardAuth', rules: enforced, observedRules: observed, assertDecided };
  const access = [...examinePolicy(policy, principal, [operation]), await examineBlock(store, principal)];
  return conclude([...access, ...(await examineFunction(policy, { principal, operation }, access))]);
}

/** Returns the checks as an explanation. What has to be changed is about the first check that has not passed. */
export function conclude(
  examined: readonly Examined[],
  otherwise = 'Nothing has to be changed here.',
): Pick<ConnectionExplanation, 'allowed' | 'checks' | 'change'> {
  const missed =
    examined.find(({ outcome }) => outcome === 'failed') ?? examined.find(({ outcome }) => outcome === 'not_reached');
  return {
    allowed: missed === undefined,
    checks: examined.map(({ check, outcome, detail }) => ({ check, outcome, detail })),
    change: missed?.change ?? otherwise,
  };
}

/** Returns whether every check has passed. */
export function arePassed(examined: readonly Examined[]): boolean {
  return examined.every(({ outcome }) => outcome === 'passed');
}

/** Checks each rule for these operations. Without an operation, every rule counts. */
export function examinePolicy(
  { place, rules, observedRules = [] }: ExaminedPolicy,
  principal: Principal,
  operations: readonly PolicyOperation[],
): Examined[] {
  if (rules.length + observedRules.length === 0) {
    const subject = place === 'forwardAuth' ? 'forwardAuth' : 'the connection';
    return [{ check: 'policy', outcome: 'passed', detail: `Every user: ${subject} has no rules.` }];
  }
  const listLacks = ({ lacking }: AccessRule): string => {
    const lacks = operations.flatMap((operation) => lacking(principal, operation));
    return [...new Set(operations.length === 0 ? lacking(principal) : lacks)].join(', ');
  };
  return [
    ...rules.map((rule) => examineRule(place, rule, listLacks(rule))),
    ...observedRules.map((rule): Examined => {
      const lacks = listLacks(rule);
      const found = lacks === '' ? rule.requirement : `${rule.field} would refuse because of ${lacks}.`;
      return { check: 'policy', outcome: 'passed', detail: `${found} The rule only observes.` };
    }),
  ];
}

function examineRule(place: string, { field, requirement }: AccessRule, lacks: string): Examined {
  const isOwnCheck = field === 'issuers' || field === 'requiredScopes' || field === 'requiredClaims';
  const check = isOwnCheck ? field : 'policy';
  if (lacks === '') return { check, outcome: 'passed', detail: requirement };
  if (isOwnCheck) {
    const change = policyChanges[field](`${place}.${field}`, lacks);
    return { check, outcome: 'failed', detail: `The token lacks: ${lacks}.`, change };
  }
  if (field === 'policy.default') {
    const change = `Add a rule whose operations name this one to ${place}.policy.rules, or change ${place}.${field}.`;
    return { check, outcome: 'failed', detail: `${field} refuses, because there is not ${lacks}.`, change };
  }
  const change = `Use a token that satisfies ${place}.${field}, or change that rule in the configuration.`;
  return { check, outcome: 'failed', detail: `${field} refuses because of ${lacks}.`, change };
}

const policyChanges = {
  issuers: (field: string) =>
    `Sign in at an identity provider that ${field} lists, or add the issuer of this token there in the configuration.`,
  requiredScopes: (field: string, lacks: string) =>
    `Have the app request ${lacks} when the user signs in, and allow that in the identity provider's console, or change ${field} in the configuration.`,
  requiredClaims: (field: string, lacks: string) =>
    `In the identity provider's console, give the token the required value of ${lacks}, or change ${field} in the configuration.`,
};

/** Asks the function of a policy, if there is one and every check before it has passed. */
export async function examineFunction(
  { place, assertDecided }: ExaminedPolicy,
  request: DecidedRequest,
  before: readonly Examined[],
): Promise<Examined[]> {
  if (assertDecided === undefined) return [];
  const { operation } = request;
  const describe = (outcome: Examined['outcome'], detail: string, change?: string): Examined[] => [
    { check: 'policy', outcome, detail: `${decideField} ${detail}`, ...(change !== undefined && { change }) },
  ];
  if (!arePassed(before)) return describe('not_reached', `decides about ${operation} after all other checks.`);
  try {
    await assertDecided(request);
    return describe('passed', `allows ${operation}.`);
  } catch (error) {
    if (!ValetKeyError.isInstance(error)) throw error;
    const hasDecided = error.code === 'forbidden';
    return describe(
      'failed',
      hasDecided ? `refuses ${operation}.` : `has not decided about ${operation}.`,
      error.advice ?? `Change the function ${place}.${decideField}, or what it reads of the token.`,
    );
  }
}

/** Runs a check that reads the store. While the store cannot be read, the check is not reached. */
export async function examineStored(check: 'blocked' | 'user', examine: () => Promise<Examined>): Promise<Examined> {
  try {
    return await examine();
  } catch (error) {
    if (!ValetKeyError.isInstance(error)) throw error;
    if (error.code !== 'overloaded') {
      return { check, outcome: 'failed', detail: error.message, change: error.remediation };
    }
    return {
      check,
      outcome: 'not_reached',
      detail: 'The broker cannot read the store, so this was not checked.',
      change: 'Run `valetkey doctor`, correct `store` in the configuration or the database it names, and ask again.',
    };
  }
}

/** Checks whether the operator has blocked a principal. */
export function examineBlock(store: Pick<Store, 'isBlocked'>, principal: Principal): Promise<Examined> {
  return examineStored('blocked', async () => {
    if (!(await store.isBlocked(principal))) return { check: 'blocked', outcome: 'passed', detail: 'Not blocked.' };
    return {
      check: 'blocked',
      outcome: 'failed',
      detail: 'The operator has blocked this user.',
      change: 'Unblock the user with `DELETE /v1/blocked-users` on the admin listener.',
    };
  });
}
