import { readClaim, readTenant, type Clock, type Principal } from '@valetkey/core-types';
import type { ClaimCondition, ClaimValue, Condition, TimeCondition } from '../config/policy-rules.ts';

/**
 * Whether a condition holds. It is undefined if a claim has a form that the condition does not expect, such as an object in
 * place of a text. `not` keeps it undefined, so that such a claim never satisfies a rule.
 */
type Verdict = boolean | undefined;

/** A condition that can be evaluated. The time that this takes grows linearly with the condition and the claims. */
export interface EvaluatedCondition {
  readonly decide: (principal: Principal) => Verdict;
  /** Names what keeps the condition from holding, or its negation from holding. Contains no value. */
  readonly listUnmet: (principal: Principal, isNegated?: boolean) => readonly string[];
  /** Names everything that the condition reads. */
  readonly subjects: readonly string[];
}

/** Prepares a condition for its evaluation. `clock` gives the time of day. */
export function prepareCondition(condition: Condition, clock: Pick<Clock, 'nowMs'>): EvaluatedCondition {
  if ('all' in condition) return combine(condition.all, false, clock);
  if ('any' in condition) return combine(condition.any, true, clock);
  if ('not' in condition) {
    const { decide, listUnmet, subjects } = prepareCondition(condition.not, clock);
    return {
      decide: (principal) => negate(decide(principal)),
      listUnmet: (principal, isNegated = false) => listUnmet(principal, !isNegated),
      subjects,
    };
  }
  if ('issuer' in condition) {
    return createLeaf('the issuer', ({ issuer }) => readTenant(condition.issuer, issuer) !== undefined);
  }
  if ('scope' in condition) {
    return createLeaf(`the scope ${condition.scope}`, ({ scopes }) => scopes.includes(condition.scope));
  }
  if ('between' in condition) return createLeaf('the time of day', createTimeTest(condition, clock));
  return createLeaf(`the claim ${condition.claim}`, (principal) => decideClaim(condition, principal));
}

function combine(conditions: readonly Condition[], decisive: boolean, clock: Pick<Clock, 'nowMs'>): EvaluatedCondition {
  const parts = conditions.map((part) => prepareCondition(part, clock));
  return {
    decide(principal) {
      const verdicts = parts.map(({ decide }) => decide(principal));
      return decideTogether(verdicts, decisive);
    },
    listUnmet: (principal, isNegated) => parts.flatMap(({ listUnmet }) => listUnmet(principal, isNegated)),
    subjects: [...new Set(parts.flatMap(({ subjects }) => subjects))],
  };
}

/** Returns `decisive` if one verdict is, else undefined if one verdict is undefined, else the opposite of `decisive`. */
function decideTogether(verdicts: readonly Verdict[], decisive: boolean): Verdict {
  if (verdicts.includes(decisive)) return decisive;
  return verdicts.includes(undefined) ? undefined : !decisive;
}

function createLeaf(subject: string, decide: EvaluatedCondition['decide']): EvaluatedCondition {
  return {
    decide,
    listUnmet: (principal, isNegated = false) => {
      const verdict = decide(principal);
      return (isNegated ? negate(verdict) : verdict) === true ? [] : [subject];
    },
    subjects: [subject],
  };
}

const negate = (verdict: Verdict): Verdict => (verdict === undefined ? undefined : !verdict);

function decideClaim({ claim, equals, in: list, contains }: ClaimCondition, { subject, claims }: Principal): Verdict {
  const value = claim === 'sub' ? subject : readClaim(claims, claim);
  if (value === undefined) return false;
  if (contains === undefined) {
    const values = list ?? (equals === undefined ? [] : [equals]);
    return decideTogether(
      values.map((one) => decideEqual(value, one)),
      true,
    );
  }
  if (!Array.isArray(value)) return undefined;
  return decideTogether(
    value.map((item: unknown) => decideEqual(item, contains)),
    true,
  );
}

/** The longest text that is compared. A longer one is not what an identity provider sends as a role or a name. */
const maxLength = 1_024;

/** Compares without any conversion. A value of another type than expected, or a malformed one, cannot be decided. */
function decideEqual(value: unknown, expected: ClaimValue): Verdict {
  if (value === expected) return isUsable(value) ? true : undefined;
  return typeof value === typeof expected && isUsable(value) ? false : undefined;
}

function isUsable(value: unknown): boolean {
  if (typeof value === 'string') return value.length <= maxLength && value.isWellFormed();
  // A JSON parser rounds larger numbers, so that two different numbers could become equal.
  return typeof value !== 'number' || Math.abs(value) <= Number.MAX_SAFE_INTEGER;
}

function createTimeTest({ between, timeZone }: TimeCondition, clock: Pick<Clock, 'nowMs'>): () => boolean {
  const [start = '', end = ''] = between;
  const format = new Intl.DateTimeFormat('en-GB', { timeZone, hour: '2-digit', minute: '2-digit', hourCycle: 'h23' });
  return () => {
    const time = format.format(clock.nowMs());
    return start < end ? start <= time && time < end : start <= time || time < end;
  };
}
