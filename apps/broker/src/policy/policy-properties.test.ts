import { ValetKeyError, type Principal } from '@valetkey/core-types';
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import type { PolicyFunction } from '../config/policy-function.ts';
import type { Condition, Policy, PolicyRule } from '../config/policy-rules.ts';
import { isAllowed } from './access.ts';
import { createPolicyRules } from './policy-rules.ts';

const claim = fc.constantFrom('a', 'b');
const operand = fc.oneof(fc.constantFrom('x', 'y'), fc.integer({ min: 0, max: 2 }), fc.boolean());
const leaf = fc.oneof(
  fc.record({ claim, equals: operand }),
  fc.record({ claim, contains: operand }),
  fc.record({ scope: fc.constantFrom('x', 'y') }),
);
const { condition: conditions } = fc.letrec<{ condition: Condition }>((tie) => ({
  condition: fc.oneof(
    { depthSize: 'small' },
    leaf,
    fc.record({ not: tie('condition') }),
    fc.record({ all: fc.array(tie('condition'), { minLength: 1, maxLength: 3 }) }),
    fc.record({ any: fc.array(tie('condition'), { minLength: 1, maxLength: 3 }) }),
  ),
}));
const ruleOf = fc.record({
  require: conditions,
  observe: fc.boolean(),
  operations: fc.option(fc.subarray(['issue', 'proxy'] as const, { minLength: 1 }), { nil: undefined }),
});
const rulesOf = fc.array(ruleOf, { maxLength: 4 });
const principals = fc.record({
  issuer: fc.constant('https://id.example.com'),
  subject: fc.constant('alice'),
  scopes: fc.subarray(['x', 'y']),
  claims: fc.dictionary(claim, fc.oneof(operand, fc.jsonValue(), fc.array(operand))),
});
const operations = fc.constantFrom('issue', 'proxy');
const defaults = fc.constantFrom('allow', 'deny');

const rulesFor = (policy: Policy) => createPolicyRules({ place: 'vendors.acme', policy });

/** Returns whether the rules of a policy allow a request. */
function allows(
  byDefault: Policy['default'],
  rules: readonly PolicyRule[],
  principal: Principal,
  operation: string,
): boolean {
  return isAllowed(rulesFor({ default: byDefault, rules }).enforced, principal, operation);
}

/** Returns whether a whole policy, with its function, allows a request. */
async function allowsWhole(policy: Policy, principal: Principal, operation: 'issue' | 'proxy'): Promise<boolean> {
  const { enforced, assertDecided } = rulesFor(policy);
  if (!isAllowed(enforced, principal, operation)) return false;
  try {
    await assertDecided?.({ principal, operation });
    return true;
  } catch (error) {
    if (!ValetKeyError.isInstance(error)) throw error;
    return false;
  }
}

test('a rule that is added never allows a request that was refused before', () => {
  fc.assert(
    fc.property(rulesOf, ruleOf, fc.nat(4), principals, operations, (given, added, ...rest) => {
      const [index, principal, operation] = rest;
      const before = allows('allow', given, principal, operation);
      const after = allows('allow', given.toSpliced(index, 0, added), principal, operation);
      expect(before || !after).toBe(true);
      expect(!added.observe || after === before).toBe(true);
    }),
  );
});

test('a rule that is added to a policy with `default: deny` allows at most the operations that it names to the principals that satisfy it', () => {
  fc.assert(
    fc.property(rulesOf, ruleOf, fc.nat(4), principals, operations, (given, added, ...rest) => {
      const [index, principal, operation] = rest;
      const before = allows('deny', given, principal, operation);
      const after = allows('deny', given.toSpliced(index, 0, added), principal, operation);
      const names = !added.observe && added.operations?.includes(operation) === true;
      const written = names && allows('allow', [added], principal, operation);
      expect(before || !after || written).toBe(true);
      expect(!added.observe || after === before).toBe(true);
    }),
  );
});

test('a policy with `default: deny` never allows a request that the same rules refuse without it', () => {
  fc.assert(
    fc.property(rulesOf, principals, operations, (given, principal, operation) => {
      const denied = allows('deny', given, principal, operation);
      expect(!denied || allows('allow', given, principal, operation)).toBe(true);
      expect(!denied || given.some((one) => one.operations?.includes(operation) === true && !one.observe)).toBe(true);
    }),
  );
});

test('a rule that stops observing never allows more, unless it is the first that names an operation under `default: deny`', () => {
  fc.assert(
    fc.property(rulesOf, principals, operations, (given, principal, operation) => {
      const enforcing = given.map((one) => ({ ...one, observe: false }));
      const isAllowedByAll = allows('allow', enforcing, principal, operation);
      expect(!isAllowedByAll || allows('allow', given, principal, operation)).toBe(true);
    }),
  );
});

test('a request that one rule refuses stays refused if any other rule begins to observe', () => {
  fc.assert(
    fc.property(
      defaults,
      fc.array(ruleOf, { minLength: 1, maxLength: 4 }),
      fc.nat(3),
      principals,
      operations,
      (byDefault, given, ...rest) => {
        const [index, principal, operation] = rest;
        const changed = given.map((one, place) => (place === index ? { ...one, observe: true } : one));
        const others = given.filter((_, place) => place !== index);
        const isRefusedByOthers = !allows('allow', others, principal, operation);
        expect(!isRefusedByOthers || !allows(byDefault, changed, principal, operation)).toBe(true);
        const mayOpen = !allows('deny', given, principal, operation) && allows('deny', changed, principal, operation);
        const refusing = given[index];
        expect(!mayOpen || (refusing !== undefined && !allows('allow', [refusing], principal, operation))).toBe(true);
      },
    ),
  );
});

const results = fc.constantFrom<unknown>(true, false, undefined, null, 1, 'true', {}, [true]);
const functions = fc
  .record({ result: results, way: fc.constantFrom('returns', 'resolves', 'throws') })
  .map(({ result, way }): (() => unknown) => {
    if (way === 'returns') return () => result;
    if (way === 'resolves') return async () => result;
    return () => {
      throw result;
    };
  });

test('a function that is added never allows a request that the rules refuse, and allows one only by returning true', async () => {
  await fc.assert(
    fc.asyncProperty(
      defaults,
      rulesOf,
      functions,
      principals,
      operations,
      async (byDefault, rules, decide, principal, operation) => {
        const policy: Policy = { default: byDefault, rules };
        const before = await allowsWhole(policy, principal, operation);
        const decided = { ...policy, decide: decide as PolicyFunction };
        const after = await allowsWhole(decided, principal, operation);
        const isTrue = await Promise.resolve()
          .then(decide)
          .then(
            (value) => value === true,
            () => false,
          );
        expect(after).toBe(before && isTrue);
      },
    ),
  );
});
