import type { Principal, ValetKeyError } from '@valetkey/core-types';
import { expect, test } from 'vitest';
import type { ConnectionPolicy } from '../config/connection-policy.ts';
import { createAccessRules, isAllowed } from './access.ts';

const everyone: ConnectionPolicy = { boundByAppToken: false, requiredScopes: [], requiredClaims: {} };
const alice: Principal = {
  issuer: 'https://id.example.com',
  subject: 'alice',
  scopes: ['rooms', 'rooms:write'],
  claims: {
    tier: 'gold',
    level: 3,
    verified: true,
    groups: ['staff', 7, true],
    nested: [['staff']],
    empty: null,
    app: { roles: ['admin'], plan: 'pro' },
  },
};

const rulesOf = (policy: ConnectionPolicy) => createAccessRules({ name: 'acme-eu', vendor: { id: 'acme' }, policy });

/** Returns the error of the first rule that does not allow the principal. */
function refusalOf(policy: ConnectionPolicy, principal: Principal): ValetKeyError | undefined {
  return rulesOf(policy)
    .find((rule) => rule.lacking(principal).length > 0)
    ?.refusal();
}

function expectDecision(policy: Partial<ConnectionPolicy>, principal: Principal, isAllowedExpected: boolean): void {
  const whole = { ...everyone, ...policy };
  expect(isAllowed(rulesOf(whole), principal)).toBe(isAllowedExpected);
  const refusal = refusalOf(whole, principal);
  expect(refusal?.code).toBe(isAllowedExpected ? undefined : 'forbidden');
  expect(refusal?.vendor).toBe(isAllowedExpected ? undefined : 'acme');
}

test.each<[string, Partial<ConnectionPolicy>]>([
  ['no rules', {}],
  ['the issuers of every tenant in its list', { issuers: ['https://{tenant}.example.com'] }],
  ['the issuer of the principal in its list', { issuers: ['https://other.example.com', alice.issuer] }],
  ['scopes that the token carries', { boundByAppToken: false, requiredScopes: ['rooms:write', 'rooms'] }],
  ['claims with exactly these values', { requiredClaims: { tier: 'gold', level: 3, verified: true } }],
  ['a claim inside another one', { requiredClaims: { 'app.roles': 'admin', 'app.plan': 'pro' } }],
  ['a text that the list of the claim contains', { requiredClaims: { groups: 'staff' } }],
  ['a number that the list of the claim contains', { requiredClaims: { groups: 7 } }],
])('a policy that has %s allows the principal', (_, policy) => {
  expectDecision(policy, alice, true);
});

test.each<[string, Partial<ConnectionPolicy>]>([
  ['other issuers', { issuers: ['https://other.example.com'] }],
  ['an issuer that only begins with the issuer of the principal', { issuers: [`${alice.issuer}/`] }],
  ['a scope that the token lacks', { boundByAppToken: false, requiredScopes: ['rooms', 'admin'] }],
  ['a scope that is only a part of a scope of the token', { boundByAppToken: false, requiredScopes: ['write'] }],
  ['another value than that of the claim inside a claim', { requiredClaims: { 'app.plan': 'free' } }],
  ['a claim that is absent inside a claim', { requiredClaims: { 'app.constructor': 'x' } }],
  ['a claim that is absent', { requiredClaims: { role: 'admin' } }],
  ['a second claim that is absent', { requiredClaims: { tier: 'gold', role: 'admin' } }],
  ['another value than that of the claim', { requiredClaims: { tier: 'silver' } }],
  ['only a part of the text of a claim', { requiredClaims: { tier: 'gol' } }],
  ['the number of a claim as text', { requiredClaims: { level: '3' } }],
  ['a number for a claim that is text', { requiredClaims: { tier: 3 } }],
  ['a boolean claim as text', { requiredClaims: { verified: 'true' } }],
  ['a boolean claim as a number', { requiredClaims: { verified: 1 } }],
  ['a text that no item of the list equals', { requiredClaims: { groups: 'staf' } }],
  ['the number in a list as text', { requiredClaims: { groups: '7' } }],
  ['a text inside a nested list', { requiredClaims: { nested: 'staff' } }],
  ['a text for a claim that is null', { requiredClaims: { empty: 'null' } }],
])('a policy that requires %s refuses the principal', (_, policy) => {
  expectDecision(policy, alice, false);
});

test.each(['__proto__', 'constructor', 'toString', 'hasOwnProperty'])(
  'a policy that requires the claim %s ignores an inherited property of that name',
  (name) => {
    const requiredClaims = JSON.parse(`{"${name}":"admin"}`) as ConnectionPolicy['requiredClaims'];
    expectDecision({ requiredClaims }, alice, false);
    const inherited = Object.create({ [name]: 'admin', role: 'admin' }) as Principal['claims'];
    expectDecision({ requiredClaims }, { ...alice, claims: inherited }, false);
    expectDecision({ requiredClaims: { role: 'admin' } }, { ...alice, claims: inherited }, false);
    const claims = JSON.parse(`{"${name}":"admin"}`) as Principal['claims'];
    expectDecision({ requiredClaims }, { ...alice, claims }, true);
  },
);

test('a refusal names the required scopes and claims, but no value of a claim and nothing of the principal', () => {
  const requiredClaims = { tier: 'canary-of-the-policy' };
  const principal = { ...alice, subject: 'canary-subject', claims: { tier: 'canary-of-the-token' } };
  const refusal = refusalOf({ boundByAppToken: false, requiredScopes: ['admin'], requiredClaims }, principal);
  expect(refusal?.remediation).toContain('the scope admin, tier');
  expect(`${refusal?.message} ${refusal?.remediation}`).not.toContain('canary');
});

test('the error that refuses an issuer does not name the issuers that the policy allows', () => {
  const refusal = refusalOf({ ...everyone, issuers: ['https://canary.example.com'] }, alice);
  expect(refusal).toMatchObject({ code: 'forbidden', vendor: 'acme' });
  expect(`${refusal?.message} ${refusal?.remediation}`).not.toContain('canary');
});
