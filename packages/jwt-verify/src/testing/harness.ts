import { ValetKeyError, type IssuerOptions } from '@valetkey/core-types';
import { createJwtVerifier } from '../verify/create-jwt-verifier.ts';
import type { JwtVerifier } from '../verify/jwt-verifier.ts';
import type { JwtVerifierOptions } from '../verify/verifier-options.ts';
import { createSigningKey, signToken, type SigningKey } from './signing.ts';
import { createVirtualClock, type VirtualClock } from './virtual-clock.ts';

export const testIssuer = 'https://id.example.com';

/** A verifier with one issuer whose keys are given as options, and functions that create tokens for it. */
export interface Harness {
  readonly verifier: JwtVerifier;
  readonly clock: VirtualClock;
  readonly key: SigningKey;
  readonly claims: (changes?: Readonly<Record<string, unknown>>) => Record<string, unknown>;
  readonly token: (
    changes?: Readonly<Record<string, unknown>>,
    header?: string | Readonly<Record<string, unknown>>,
  ) => string;
}

const sharedKey = createSigningKey('k1');

export function createHarness(
  record: Partial<IssuerOptions> = {},
  options: Partial<JwtVerifierOptions> = {},
  key: SigningKey = sharedKey,
): Harness {
  const clock = createVirtualClock();
  const issuer = { issuer: testIssuer, audiences: ['api'], jwks: { keys: [key.jwk] }, ...record };
  const verifier = createJwtVerifier({ issuers: [issuer], clock, ...options });
  const claims = (changes: Readonly<Record<string, unknown>> = {}): Record<string, unknown> => {
    const now = clock.nowSeconds();
    return { iss: testIssuer, sub: 'alice', aud: 'api', iat: now, exp: now + 300, jti: 'id-1', ...changes };
  };
  return { verifier, clock, key, claims, token: (changes, header) => signToken(key, claims(changes), header) };
}

/** Throws unless the error's message and remediation are sentences. */
function assertSentences({ message, remediation }: ValetKeyError): void {
  if (!/^[A-Z].*\.$/.test(message) || !/^[A-Z].*\.$/.test(remediation)) {
    throw new Error(`An error is not written in sentences: ${message} ${remediation}`);
  }
}

/** Resolves to the error that a promise rejects with. */
export async function rejection(promise: Promise<unknown>): Promise<ValetKeyError> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (ValetKeyError.isInstance(error)) {
    assertSentences(error);
    return error;
  }
  throw new Error('The promise did not reject with a ValetKeyError.', { cause: error });
}

/** Resolves to the code and reason with which a verifier refuses a token, or to undefined if it accepts the token. */
export async function refusalOf(verifier: JwtVerifier, token: string): Promise<string | undefined> {
  try {
    await verifier.verify(token);
    return undefined;
  } catch (error) {
    if (!ValetKeyError.isInstance(error)) throw error;
    assertSentences(error);
    return `${error.code} ${error.reason}`;
  }
}
