import type { Principal } from '@valetkey/core-types';
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import type { ClaimValue, Condition } from '../config/policy-rules.ts';
import { prepareCondition } from './conditions.ts';

const names = ['role', '__proto__', 'constructor', 'toString', 'length', 'a.b', '0'] as const;
const name = fc.constantFrom(...names);
const text = fc.oneof(
  fc.constantFrom('admin', 'Admin', 'true', 'false', '1', '0', 'null', 'NaN', '', 'toString', '[object Object]', '1e3'),
  fc.constantFrom('\ud800', 'admin\ud800', '\udc00admin', 'admin\u0000', 'ａdmin', 'admin '),
  fc.constant('admin'.repeat(2_048)),
);
/** The numbers that JSON can express and that look like others: beyond the whole numbers of a double, and the two zeros. */
const number = fc.constantFrom(0, -0, 1, -1, 1e3, 1e308, 5e-324, 2 ** 53, 2 ** 53 + 2, 0.1 + 0.2, Number.MAX_VALUE);
const scalar = fc.oneof(text, number, fc.boolean());
const { value: values } = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'medium' },
    scalar,
    fc.constant(null),
    fc.array(tie('value'), { maxLength: 3 }),
    fc.dictionary(name, tie('value'), { maxKeys: 3, noNullPrototype: false }),
  ),
}));
/** Claims as a JSON parser returns them, which makes `__proto__` a member like any other. */
const claims = fc
  .array(fc.tuple(name, values), { maxLength: 4 })
  .map(
    (members) =>
      JSON.parse(
        `{${members.map(([key, value]) => `${JSON.stringify(key)}:${JSON.stringify(value)}`).join(',')}}`,
      ) as Principal['claims'],
  );

const decide = (condition: Condition, given: Principal['claims'], subject = 'alice') =>
  prepareCondition(condition, { nowMs: () => 0 }).decide({
    issuer: 'https://id.example.com',
    subject,
    scopes: [],
    claims: given,
  });

/** Returns whether a claim is usable and exactly this value. An own member of the claims is the claim. */
function isExactly(found: unknown, expected: ClaimValue): boolean {
  if (typeof found === 'string' && (found.length > 1_024 || !found.isWellFormed())) return false;
  if (typeof found === 'number' && Math.abs(found) > Number.MAX_SAFE_INTEGER) return false;
  return typeof found === typeof expected && found === expected;
}

test('a claim satisfies `equals` and `in` only if it is this value, of this type, whatever else it looks like', () => {
  fc.assert(
    fc.property(name, scalar, claims, (key, expected, given) => {
      const found = Object.hasOwn(given, key) ? given[key] : undefined;
      // A path with dots may also lead into a claim; that is decided in another test.
      fc.pre(!key.includes('.') || found !== undefined);
      const isEqual = isExactly(found, expected);
      expect(decide({ claim: key, equals: expected }, given) === true).toBe(isEqual);
      expect(decide({ claim: key, in: [expected] }, given) === true).toBe(isEqual);
    }),
    { numRuns: 1_000 },
  );
});

test('a claim satisfies `contains` only if it is a list with this value, of this type', () => {
  fc.assert(
    fc.property(name, scalar, claims, (key, expected, given) => {
      const found = Object.hasOwn(given, key) ? given[key] : undefined;
      fc.pre(!key.includes('.') || found !== undefined);
      const isContained = Array.isArray(found) && found.some((item: unknown) => isExactly(item, expected));
      expect(decide({ claim: key, contains: expected }, given) === true).toBe(isContained);
    }),
    { numRuns: 1_000 },
  );
});

test('the negation of a condition holds only for an absent claim, or for a usable value of the same type or types', () => {
  const isOther = (found: unknown, expected: ClaimValue): boolean =>
    typeof found === typeof expected && isExactly(found, found as ClaimValue) && found !== expected;
  fc.assert(
    fc.property(name, scalar, claims, (key, expected, given) => {
      const found = Object.hasOwn(given, key) ? given[key] : undefined;
      fc.pre(!key.includes('.') || found !== undefined);
      const holds = decide({ not: { claim: key, equals: expected } }, given) === true;
      expect(holds).toBe(found === undefined || isOther(found, expected));
      const lacks = decide({ not: { claim: key, contains: expected } }, given) === true;
      const areOthers = Array.isArray(found) && found.every((item: unknown) => isOther(item, expected));
      expect(lacks).toBe(found === undefined || areOthers);
    }),
    { numRuns: 1_000 },
  );
});

test('a claim that is nested as deeply as a token can nest it is decided, and is no text', () => {
  const depth = 100_000;
  for (const [start, end] of [
    ['[', ']'],
    ['{"role":', '}'],
  ] as const) {
    const given = JSON.parse(`{"role":${start.repeat(depth)}"admin"${end.repeat(depth)}}`) as Principal['claims'];
    for (const condition of [
      { claim: 'role', equals: 'admin' },
      { claim: 'role', contains: 'admin' },
    ] as const) {
      expect(decide(condition, given)).not.toBe(true);
      expect(decide({ not: { claim: 'role', equals: 'admin' } }, given)).toBeUndefined();
    }
    expect(decide({ claim: 'role.role.role', equals: 'admin' }, given)).not.toBe(true);
  }
});

test('a path with dots is looked up in steps that grow with the claims, and not with the ways to divide the path', () => {
  const segments = 25;
  const path = Array.from({ length: segments }, () => 'a').join('.');
  let reads = 0;
  const count = (target: object): object =>
    new Proxy(target, {
      getOwnPropertyDescriptor(object, member) {
        reads += 1;
        return Reflect.getOwnPropertyDescriptor(object, member);
      },
    });
  // Every prefix of the path is a member, so that a search could divide the path in two to the power of 24 ways.
  const width = 6;
  const build = (depth: number): object =>
    count(
      Object.fromEntries(
        Array.from({ length: width }, (_, index) => [
          Array.from({ length: index + 1 }, () => 'a').join('.'),
          depth === 0 ? 'x' : build(depth - 1),
        ]),
      ),
    );
  const depth = 3;
  const objects = (width ** (depth + 1) - 1) / (width - 1);
  expect(decide({ claim: path, equals: 'x' }, build(depth) as Principal['claims'])).toBe(false);
  expect(reads).toBeLessThanOrEqual(objects * (segments + 1));
});
