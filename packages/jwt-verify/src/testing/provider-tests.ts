import type { IssuerOptions, Principal } from '@valetkey/core-types';
import { expect, test } from 'vitest';
import { createJwtVerifier } from '../verify/create-jwt-verifier.ts';
import type { JwtVerifier } from '../verify/jwt-verifier.ts';
import { rejection } from './harness.ts';
import { createSigningKey, encodeSegment, signToken, type SigningKey } from './signing.ts';
import { createVirtualClock } from './virtual-clock.ts';

type Members = Readonly<Record<string, unknown>>;

/** The tokens of one identity provider in their true shapes, and what its preset makes of them. */
export interface ProviderCases {
  readonly record: IssuerOptions;
  readonly algorithm: SigningKey['algorithm'];
  /** The claims of the right token, without its dates. */
  readonly claims: Members;
  /** The members of the token's header besides `alg` and `kid`. */
  readonly header?: Members;
  /** Seconds for which a token is valid. Default: one hour. */
  readonly lifetimeSeconds?: number;
  /** Accepted tokens: their title, changed claims, what the principal is, and changed members of the header. */
  readonly accepted: readonly (readonly [
    title: string,
    claims: Members,
    principal: Partial<Principal>,
    header?: Members,
  ])[];
  /** Refused tokens: their title, changed claims and header, the reason, and words of the remediation. */
  readonly refused: readonly (readonly [
    title: string,
    claims: Members,
    header: Members,
    reason: string,
    words: string,
  ])[];
}

/** Tests a preset against tokens of its provider. Keys and metadata come from a network without sockets. */
export function testProvider(name: string, cases: ProviderCases): void {
  const { record, algorithm, claims, header = { typ: 'JWT' }, lifetimeSeconds = 3600 } = cases;
  const clock = createVirtualClock();
  const key = createSigningKey('k1', algorithm);
  const verifier = createJwtVerifier({ issuers: [record], clock, fetch: serveProvider(record, key) });
  const mint = (changes: Members, headerChanges: Members = {}): string => {
    const now = clock.nowSeconds();
    const dates = { iat: now, exp: now + lifetimeSeconds };
    return signToken(key, { ...dates, ...claims, ...changes }, { typ: undefined, ...header, ...headerChanges });
  };

  const accepted = cases.accepted.map(([title, changes, principal, changed = {}]) => ({
    title,
    principal,
    token: () => mint(changes, changed),
  }));
  test.each(accepted)(`${name}: $title is accepted`, async ({ token, principal }) => {
    await expect(verifier.verify(token())).resolves.toMatchObject(principal);
  });

  test.each(cases.refused)(`${name}: %s is refused`, async (_, changes, headerChanges, reason, words) => {
    await expectRefusal(verifier, mint(changes, headerChanges), reason, words);
  });
}

/** Expects that a verifier refuses a token for a reason, and that the remediation contains these words. */
export async function expectRefusal(
  verifier: JwtVerifier,
  token: string,
  reason: string,
  words: string,
): Promise<void> {
  const error = await rejection(verifier.verify(token));
  expect(error).toMatchObject({ code: 'invalid_token', reason, remediation: expect.stringContaining(words) });
}

/** Returns the network of a provider that serves its metadata and keys where the record expects them. */
function serveProvider(record: IssuerOptions, key: SigningKey): typeof fetch {
  const jwksUri = record.jwksUri ?? 'https://keys.example.com/jwks';
  return async (input) => {
    if (String(input) === jwksUri) return Response.json({ keys: [key.jwk] });
    if (String(input) !== record.metadataUri) return new Response(null, { status: 404 });
    return Response.json({ issuer: record.metadataIssuer ?? record.issuer, jwks_uri: jwksUri });
  };
}

/** Creates a verifier of one record, for tokens that are no signed JWT. */
export function createVerifierOf(record: IssuerOptions): JwtVerifier {
  return createJwtVerifier({
    issuers: [record],
    clock: createVirtualClock(),
    fetch: () => Promise.reject(new Error('no')),
  });
}

/** A token of five segments, as Auth0 gives to an app that asks for no audience. */
export const encryptedToken = `${encodeSegment('{"alg":"dir","enc":"A256GCM","iss":"https://tenant.eu.auth0.com/"}')}..AAAA.AAAA.AAAA`;
