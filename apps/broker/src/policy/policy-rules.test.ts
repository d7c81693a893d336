import type { Principal } from '@valetkey/core-types';
import { expect, test } from 'vitest';
import type { Condition, Policy, PolicyRule } from '../config/policy-rules.ts';
import { findRefusingRule, isAllowed } from './access.ts';
import { createPolicyRules, listObserved } from './policy-rules.ts';

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

test('a policy with `default: deny` refuses an operation that no rule names, and adds nothing to the rules of one that is named', () => {
  const rules = [rule({ scope: 'read' }), rule(gold.require, { operations: ['issue'] })];
  const { enforced } = createRules(rules, 'deny');
  expect(isAllowed(enforced, alice, 'issue')).toBe(true);
  expect(findRefusingRule(enforced, alice, 'proxy')?.field).toBe('policy.default');
  expect(findRefusingRule(enforced, alice)?.field).toBe('policy.default');
  expect(isAllowed(enforced, { ...alice, scopes: [] }, 'issue')).toBe(false);
  expect(isAllowed(enforced, { ...alice, claims: {} }, 'issue')).toBe(false);
});

test.each<[string, PolicyRule[]]>([
  ['has no rules', []],
  ['has only a rule about every operation', [gold]],
  ['has only a rule about another operation', [rule(gold.require, { operations: ['proxy'] })]],
  ['only observes a rule that names the operation', [rule(gold.require, { operations: ['issue'], observe: true })]],
])('a policy with `default: deny` that %s refuses the operation', (_, rules) => {
  const { enforced } = createRules(rules, 'deny');
  expect(findRefusingRule(enforced, alice, 'issue')?.field).toBe('policy.default');
  expect(isAllowed(createRules(rules).enforced, alice, 'issue')).toBe(true);
});

test('the refusal of an operation that no rule names tells the field and what is missing', () => {
  const [byDefault] = createRules([], 'deny').enforced;
  expect(byDefault?.lacking(alice, 'proxy')).toEqual(['a rule for proxy']);
  expect(byDefault?.refusal()).toMatchObject({
    code: 'forbidden',
    vendor: 'acme',
    reason: 'policy.default',
    message: 'vendors.acme-eu.policy.default refuses this operation, because no rule names it.',
  });
});

test('listObserved names the rules that only observe and would have refused this operation', () => {
  const observing = [gold, silver, silver].map((one, index) => ({
    ...one,
    observe: true,
    operations: index === 2 ? (['proxy'] as const) : undefined,
  }));
  const { observed } = createRules(observing);
  expect(listObserved(observed, alice, 'issue')).toEqual(['policy.rules.1']);
  expect(listObserved(observed, alice, 'proxy')).toEqual(['policy.rules.1', 'policy.rules.2']);
});

test('the rules of forward authentication name their place, and no vendor', () => {
  const policy = { default: 'allow' as const, rules: [rule(silver.require, { operations: ['authorize'] })] };
  const { enforced } = createPolicyRules({ place: 'forwardAuth', policy });
  expect(isAllowed(enforced, alice, 'resolve')).toBe(true);
  const error = findRefusingRule(enforced, alice, 'authorize')?.refusal();
  expect(error?.message).toBe('The rule forwardAuth.policy.rules.0 refuses this request.');
  expect(error?.vendor).toBeUndefined();
  expect(createPolicyRules({ place: 'forwardAuth', policy: undefined })).toMatchObject({ enforced: [], observed: [] });
});
