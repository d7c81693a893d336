import { systemClock, ValetKeyError, type Clock, type Principal } from '@valetkey/core-types';
import { listOpened, type Policy } from '../config/policy-rules.ts';
import { isAllowed, type AccessRule, type PlacedPolicy } from './access.ts';
import { prepareCondition } from './conditions.ts';
import { createDecision, type AssertDecided } from './decide.ts';

/** The rules of a policy: those that refuse, and those that only observe. */
export interface PolicyRules {
  readonly enforced: readonly AccessRule[];
  readonly observed: readonly AccessRule[];
  /** Asks the function of the policy. Absent if the policy has none. */
  readonly assertDecided?: AssertDecided | undefined;
}

/** Returns the rules of a policy in the order in which they are checked. `clock` gives the time of day. */
export function createPolicyRules(placed: PlacedPolicy, clock: Pick<Clock, 'nowMs'> = systemClock): PolicyRules {
  const { policy } = placed;
  const rules = (policy?.rules ?? []).map((rule, index) => ({
    rule: createRule(placed, rule, index, clock),
    observe: rule.observe,
  }));
  const enforced = rules.flatMap(({ rule, observe }) => (observe ? [] : [rule]));
  return {
    enforced: policy?.default === 'deny' ? [createDefault(placed, policy), ...enforced] : enforced,
    observed: rules.flatMap(({ rule, observe }) => (observe ? [rule] : [])),
    assertDecided: createDecision(placed),
  };
}

function createRule(
  { place, vendor }: PlacedPolicy,
  { require, operations }: Policy['rules'][number],
  index: number,
  clock: Pick<Clock, 'nowMs'>,
): AccessRule {
  const field = `policy.rules.${index}` as const;
  const { decide, listUnmet, subjects } = prepareCondition(require, clock);
  const about = operations === undefined ? '' : ` Only for: ${operations.join(', ')}.`;
  return {
    field,
    requirement: `The rule ${field} is satisfied.${about}`,
    lacking: (principal, operation) => {
      const applies = operation === undefined || operations?.some((one) => one === operation) !== false;
      if (!applies || decide(principal) === true) return [];
      const unmet = [...new Set(listUnmet(principal))];
      // The time of day may have changed since `decide`.
      return unmet.length > 0 ? unmet : subjects;
    },
    refusal: () =>
      new ValetKeyError('forbidden', `The rule ${place}.${field} refuses this request.`, {
        vendor,
        reason: field,
        remediation: `Sign in so that the token satisfies the rule. It reads: ${subjects.join(', ')}.`,
      }),
  };
}

/** Returns the rule that refuses each operation which no other rule names. */
function createDefault({ place, vendor }: PlacedPolicy, policy: Policy): AccessRule {
  const opened = listOpened(policy);
  const field = 'policy.default';
  return {
    field,
    requirement: `A rule names the operation. Named: ${opened.join(', ') || 'none'}.`,
    lacking: (_principal, operation) =>
      opened.some((one) => one === operation) ? [] : [`a rule for ${operation ?? 'this operation'}`],
    refusal: () =>
      new ValetKeyError('forbidden', `${place}.${field} refuses this operation, because no rule names it.`, {
        vendor,
        reason: field,
        remediation: `Ask the operator for a rule in ${place}.policy.rules whose operations name this one.`,
      }),
  };
}

/** Returns the fields of the rules that only observe, and would have refused this request. */
export function listObserved(observed: readonly AccessRule[], principal: Principal, operation: string): string[] {
  return observed.filter((rule) => !isAllowed([rule], principal, operation)).map(({ field }) => field);
}
