import type { Principal } from '@valetkey/core-types';
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Condition } from '../config/policy-rules.ts';
import { prepareCondition } from './conditions.ts';

const noon = Date.parse('2026-11-28T12:00:00Z');
const alice: Principal = {
  issuer: 'https://id.example.com',
  subject: 'alice',
  scopes: ['rooms'],
  claims: { plan: 'pro', level: 3, verified: true, realm_access: { roles: ['staff', 'admin'] }, mixed: ['a', 7] },
};

const decide = (condition: Condition, principal: Partial<Principal> = {}, nowMs = noon) =>
  prepareCondition(condition, { nowMs: () => nowMs }).decide({ ...alice, ...principal });

test.each<[Condition]>([
  [{ issuer: 'https://id.example.com' }],
  [{ issuer: 'https://{tenant}.example.com' }],
  [{ scope: 'rooms' }],
  [{ claim: 'plan', equals: 'pro' }],
  [{ claim: 'level', equals: 3 }],
  [{ claim: 'verified', equals: true }],
  [{ claim: 'plan', in: ['team', 'pro'] }],
  [{ claim: 'level', in: ['pro', 3] }],
  [{ claim: 'realm_access.roles', contains: 'admin' }],
  [{ claim: 'mixed', contains: 7 }],
  [{ claim: 'sub', equals: 'alice' }],
  [{ all: [{ scope: 'rooms' }, { claim: 'plan', equals: 'pro' }] }],
  [{ any: [{ scope: 'other' }, { claim: 'plan', equals: 'pro' }] }],
  [
    {
      any: [
        { claim: 'plan', equals: 1 },
        { claim: 'plan', equals: 'pro' },
      ],
    },
  ],
  [{ not: { scope: 'other' } }],
  [{ not: { claim: 'absent', equals: 'a' } }],
  [{ not: { not: { scope: 'rooms' } } }],
  [{ not: { any: [{ scope: 'a' }, { scope: 'b' }] } }],
])('the condition %j holds for the principal', (condition) => {
  expect(decide(condition)).toBe(true);
  expect(decide({ not: condition })).toBe(false);
});

test.each<[Condition]>([
  [{ issuer: 'https://id.example.com/' }],
  [{ scope: 'room' }],
  [{ claim: 'plan', equals: 'Pro' }],
  [{ claim: 'level', in: [1, 2] }],
  [{ claim: 'absent', equals: 'a' }],
  [{ claim: 'absent', contains: 'a' }],
  [{ claim: 'realm_access.roles', contains: 'guest' }],
  [{ all: [{ scope: 'rooms' }, { scope: 'other' }] }],
  [{ any: [{ scope: 'a' }, { scope: 'b' }] }],
])('the condition %j does not hold for the principal, but its negation does', (condition) => {
  expect(decide(condition)).toBe(false);
  expect(decide({ not: condition })).toBe(true);
});

test.each([
  ['08:00', '18:00', '09:00', true],
  ['08:00', '18:00', '08:00', true],
  ['08:00', '18:00', '17:59', true],
  ['08:00', '18:00', '18:00', false],
  ['22:00', '06:00', '23:30', true],
  ['22:00', '06:00', '00:00', true],
  ['22:00', '06:00', '06:00', false],
])('the time of day between %s and %s: %s in the time zone is %s', (start, end, time, expected) => {
  // Lord Howe Island is 11 hours ahead of UTC in November.
  const nowMs = Date.parse(`2026-11-28T${time}:30+11:00`);
  expect(decide({ between: [start, end], timeZone: 'Australia/Lord_Howe' }, {}, nowMs)).toBe(expected);
});

const huge = 'a'.repeat(10_240);

test.each<[string, unknown]>([
  ['an object', { pro: 'pro' }],
  ['an object with a method toString', { toString: 'pro' }],
  ['a list', ['pro']],
  ['a nested list', [['pro']]],
  ['null', null],
  ['a number', 7],
  ['a boolean', true],
  ['10 kB', huge],
  ['half a character', 'pro\ud800'],
  ['the other half of a character', '\udc00'],
])('a claim that is %s satisfies neither a comparison with a text nor its negation', (_, value) => {
  const claims = { plan: value };
  for (const condition of [{ claim: 'plan', equals: 'pro' } as const, { claim: 'plan', in: ['pro', 'a'] } as const]) {
    expect(decide(condition, { claims })).toBeUndefined();
    expect(decide({ not: condition }, { claims })).toBeUndefined();
    expect(decide({ all: [condition] }, { claims })).toBeUndefined();
    expect(decide({ any: [{ not: condition }] }, { claims })).toBeUndefined();
  }
});

test.each<[string, unknown, Condition]>([
  ['the text of a number', '3', { claim: 'c', equals: 3 }],
  ['the number of a text', 3, { claim: 'c', equals: '3' }],
  ['the text true', 'true', { claim: 'c', equals: true }],
  ['1', 1, { claim: 'c', equals: true }],
  ['an empty text', '', { claim: 'c', equals: false }],
  ['a number that a parser has rounded', 9_007_199_254_740_992, { claim: 'c', equals: 9_007_199_254_740_992 }],
  ['a number beyond those of a parser', JSON.parse('1e999'), { claim: 'c', equals: 1 }],
  ['a text', 'staff', { claim: 'c', contains: 'staff' }],
  ['an object', { 0: 'staff', length: 1 }, { claim: 'c', contains: 'staff' }],
  ['a list of lists', [['staff']], { claim: 'c', contains: 'staff' }],
  ['a list with an object', [{ name: 'staff' }], { claim: 'c', contains: 'staff' }],
])('a claim that is %s satisfies neither a condition about another form nor its negation', (_, value, condition) => {
  expect(decide(condition, { claims: { c: value } })).toBeUndefined();
  expect(decide({ not: condition }, { claims: { c: value } })).toBeUndefined();
});

test.each(['__proto__', 'constructor', 'toString', '__proto__.role', 'constructor.name'])(
  'a condition about the claim %s ignores inherited properties',
  (claim) => {
    const inherited = Object.create({ [claim]: 'a', role: 'a', name: 'a' }) as Principal['claims'];
    for (const claims of [{}, inherited, JSON.parse('{"__proto__":{"other":"a"}}') as Principal['claims']]) {
      expect(decide({ claim, equals: 'a' }, { claims })).not.toBe(true);
    }
  },
);

const subject = fc.constantFrom('a', 'b', '__proto__', 'a.b', 'constructor');
const operand = fc.oneof(fc.constantFrom('x', 'y', '', 'true'), fc.integer({ min: -2, max: 2 }), fc.boolean());
const { condition: conditions } = fc.letrec<{ condition: Condition }>((tie) => ({
  condition: fc.oneof(
    { depthSize: 'small' },
    fc.record({ claim: subject, equals: operand }),
    fc.record({ claim: subject, contains: operand }),
    fc.record({ claim: subject, in: fc.array(operand, { minLength: 1, maxLength: 3 }) }),
    fc.record({ scope: fc.constantFrom('x', 'y') }),
    fc.record({ issuer: fc.constantFrom('https://id.example.com', 'https://other.example.com') }),
    fc.record({ not: tie('condition') }),
    fc.record({ all: fc.array(tie('condition'), { minLength: 1, maxLength: 3 }) }),
    fc.record({ any: fc.array(tie('condition'), { minLength: 1, maxLength: 3 }) }),
  ),
}));
const claims = fc.dictionary(subject, fc.oneof(operand, fc.jsonValue(), fc.array(operand), fc.constant('\ud800')));
const principals = fc.record({
  issuer: fc.constantFrom('https://id.example.com', 'https://other.example.com'),
  subject: fc.constantFrom('alice', 'x'),
  scopes: fc.subarray(['x', 'y', 'z']),
  claims,
});

test('a condition and its negation never hold for the same principal, whatever the claims are', () => {
  fc.assert(
    fc.property(conditions, principals, (condition, principal) => {
      const verdict = decide(condition, principal);
      const negated = decide({ not: condition }, principal);
      expect(negated).toBe(verdict === undefined ? undefined : !verdict);
    }),
  );
});

test('a condition that does not hold names what is unmet, and names no value', () => {
  fc.assert(
    fc.property(conditions, principals, (condition, principal) => {
      const { decide: decideIt, listUnmet, subjects } = prepareCondition(condition, { nowMs: () => noon });
      const unmet = listUnmet(principal);
      expect(decideIt(principal) === true || unmet.length > 0).toBe(true);
      expect(unmet.filter((name) => !subjects.includes(name))).toEqual([]);
      for (const name of unmet)
        expect(name).toMatch(/^the (?:issuer|scope [xy]|claim (?:a|b|__proto__|a\.b|constructor))$/);
    }),
  );
});

test('a wide and a deep condition read each claim once for each place that names it', () => {
  let reads = 0;
  const counted = new Proxy(
    { c: 'x' },
    {
      getOwnPropertyDescriptor(target, name) {
        reads += 1;
        return Reflect.getOwnPropertyDescriptor(target, name);
      },
    },
  );
  const leaf: Condition = { claim: 'c', equals: 'x' };
  const wide = Array.from({ length: 500 }, () => leaf);
  let deep: Condition = { any: wide };
  for (let depth = 0; depth < 100; depth += 1) deep = { not: { all: [deep] } };
  expect(decide(deep, { claims: counted })).toBe(true);
  expect(reads).toBe(500);
});
