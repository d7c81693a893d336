import { isDeepStrictEqual } from 'node:util';
import * as fc from 'fast-check';
import { createLocalJWKSet, jwtVerify, type JWTPayload } from 'jose';
import { ValetKeyError } from '@valetkey/core-types';
import { expect, test } from 'vitest';
import { createJwtVerifier } from './create-jwt-verifier.ts';
import type { RefusalReason } from '../token/invalid-token.ts';
import { testIssuer } from '../testing/harness.ts';
import { keys, nowSeconds, tokens } from '../testing/token-arbitrary.ts';

const runs = Number(process.env['DIFFERENTIAL_RUNS'] ?? 3000);

const jwks = { keys: keys.map(({ jwk }) => jwk) };
const verifier = createJwtVerifier({
  issuers: [{ issuer: testIssuer, audiences: ['api'], jwks }],
  clock: { nowMs: () => nowSeconds * 1000, monotonicMs: () => 0 },
  cache: null,
});
const keySet = createLocalJWKSet(jwks);

/** The rules by which this package refuses tokens that jose accepts. */
const stricter = new Set<RefusalReason>([
  'malformed_token', // only one spelling of base64url
  'malformed_header', // unique member names
  'critical_header', // b64 is refused also if crit does not name it
  'malformed_claims', // unique member names, at most 32 levels
  'malformed_date', // finite, in seconds
  'issued_in_future',
  'lifetime_too_long',
  'malformed_subject', // a well-formed string of bounded length
  'bound_token',
]);

async function verifyWithBoth(
  token: string,
): Promise<{ ours: unknown; reason: string | undefined; theirs: JWTPayload | undefined }> {
  const theirs = await jwtVerify(token, keySet, {
    issuer: testIssuer,
    audience: 'api',
    algorithms: ['RS256', 'ES256', 'EdDSA'],
    typ: 'at+jwt',
    clockTolerance: 5,
    currentDate: new Date(nowSeconds * 1000),
    requiredClaims: ['exp', 'sub'],
  }).then(
    ({ payload }) => payload,
    () => undefined,
  );
  try {
    return { ours: (await verifier.verify(token)).claims, reason: undefined, theirs };
  } catch (error) {
    if (ValetKeyError.isInstance(error) && error.code === 'invalid_token')
      return { ours: undefined, reason: error.reason, theirs };
    throw error;
  }
}

test('jose accepts every token that verify() accepts, with the same claims, and a token that only jose accepts is refused by a named rule', async () => {
  const seen = new Map<string, number>();
  await fc.assert(
    fc.asyncProperty(tokens, async (token) => {
      const { ours, reason, theirs } = await verifyWithBoth(token);
      const outcome = reason === undefined ? 'accepted' : `${theirs === undefined ? 'both' : 'we'} ${reason}`;
      seen.set(outcome, (seen.get(outcome) ?? 0) + 1);
      // Plain values instead of expect(), which keeps memory for each of a hundred thousand calls.
      return ours === undefined
        ? theirs === undefined || stricter.has(reason as RefusalReason)
        : isDeepStrictEqual(theirs, ours);
    }),
    { numRuns: runs, endOnFailure: true },
  );
  // The property means nothing unless some tokens are accepted, and some are refused only by our rules.
  expect(seen.get('accepted')).toBeGreaterThan(runs / 50);
  expect([...seen.keys()].filter((outcome) => outcome.startsWith('we ')).length).toBeGreaterThan(2);
}, 600_000);

test('verify() rejects with invalid_token for any text that is not a token', async () => {
  const texts = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.base64String(),
    fc.array(fc.base64String(), { minLength: 2, maxLength: 5 }).map((parts) => parts.join('.')),
    fc
      .array(
        fc.json().map((text) => Buffer.from(text).toString('base64url')),
        { minLength: 3, maxLength: 3 },
      )
      .map((parts) => parts.join('.')),
  );
  await fc.assert(
    fc.asyncProperty(texts, async (text) => {
      const { ours } = await verifyWithBoth(text);
      return ours === undefined;
    }),
    { numRuns: Math.ceil(runs / 3), endOnFailure: true },
  );
  expect.assertions(0);
}, 600_000);
