import type { Principal } from '@valetkey/core-types';
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Condition, Policy, PolicyRule } from '../config/policy-rules.ts';
import { findRefusingRule, isAllowed } from './access.ts';
import { createPolicyRules } from './policy-rules.ts';

const alice: Principal = {
  issuer: 'https://id.example.com',
  subject: 'alice',
  scopes: ['read'],
  claims: { tier: 'gold' },
};

const createRules = (rules: readonly PolicyRule[], byDefault: Policy['default'] = 'allow') =>
  createPolicyRules({ place: 'vendors.acme-eu', vendor: 'acme', policy: { default: byDefault, rules } });

const rule = (require: Condition, other: Partial<PolicyRule> = {}): PolicyRule => ({
  require,
  observe: false,
  ...other,
});
const gold = rule({ claim: 'tier', equals: 'gold' });
const silver = rule({ claim: 'tier', equals: 'silver' });

test('a request must satisfy every rule of a policy', () => {
  expect(isAllowed(createRules([]).enforced, alice, 'issue')).toBe(true);
  expect(isAllowed(createRules([gold]).enforced, alice, 'issue')).toBe(true);
  expect(findRefusingRule(createRules([gold, silver]).enforced, alice, 'issue')?.field).toBe('policy.rules.1');
});

test('a rule about some operations refuses no other operation, and counts if no operation is known', () => {
  const { enforced } = createRules([rule(silver.require, { operations: ['proxy'] })]);
  expect(isAllowed(enforced, alice, 'issue')).toBe(true);
  expect(isAllowed(enforced, alice, 'proxy')).toBe(false);
  expect(isAllowed(enforced, alice)).toBe(false);
});

test('a rule that observes is not among the rules that refuse, and keeps its place', () => {
  const { enforced, observed } = createRules([rule(silver.require, { observe: true }), gold]);
  expect(enforced.map(({ field }) => field)).toEqual(['policy.rules.1']);
  expect(observed.map(({ field, lacking }) => [field, lacking(alice, 'issue')])).toEqual([
    ['policy.rules.0', ['the claim tier']],
  ]);
});

test('a refusal names the rule and what it reads, but no value', () => {
  const all = [{ claim: 'tier', equals: 'canary-of-the-policy' } as const, { scope: 'rooms' }];
  const { enforced } = createRules([rule({ all })]);
  const error = enforced[0]?.refusal();
  expect(error).toMatchObject({ code: 'forbidden', vendor: 'acme', reason: 'policy.rules.0' });
  expect(error?.message).toBe('The rule vendors.acme-eu.policy.rules.0 refuses this request.');
  expect(error?.remediation).toContain('the claim tier, the scope rooms');
  expect(`${error?.message} ${error?.remediation}`).not.toMatch(/canary|gold/);
});

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
const rules = fc.record({
  require: conditions,
  observe: fc.boolean(),
  operations: fc.option(fc.subarray(['issue', 'proxy'] as const, { minLength: 1 }), { nil: undefined }),
});
const principals = fc.record({
  issuer: fc.constant('https://id.example.com'),
  subject: fc.constant('alice'),
  scopes: fc.subarray(['x', 'y']),
  claims: fc.dictionary(claim, fc.oneof(operand, fc.jsonValue(), fc.array(operand))),
});
const operations = fc.constantFrom('issue', 'proxy');

test('a rule that is added, and a rule that observes, never allow a principal that was refused before', () => {
  fc.assert(
    fc.property(
      fc.array(rules, { maxLength: 4 }),
      rules,
      fc.nat(4),
      principals,
      operations,
      (given, added, ...rest) => {
        const [index, principal, operation] = rest;
        const before = isAllowed(createRules(given).enforced, principal, operation);
        const after = isAllowed(createRules(given.toSpliced(index, 0, added)).enforced, principal, operation);
        expect(before || !after).toBe(true);
        expect(!added.observe || after === before).toBe(true);
      },
    ),
  );
});

test('a rule that stops observing never allows more', () => {
  fc.assert(
    fc.property(fc.array(rules, { maxLength: 4 }), principals, operations, (given, principal, operation) => {
      const enforcing = given.map((one) => ({ ...one, observe: false }));
      const isAllowedByAll = isAllowed(createRules(enforcing).enforced, principal, operation);
      expect(!isAllowedByAll || isAllowed(createRules(given).enforced, principal, operation)).toBe(true);
    }),
  );
});
