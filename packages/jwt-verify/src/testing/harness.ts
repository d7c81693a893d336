import { ValetKeyError, type IssuerOptions } from '@valetkey/core-types';
import { createJwtVerifier, type JwtVerifier } from '../verify/create-jwt-verifier.ts';
import type { JwtVerifierOptions } from '../verify/verifier-options.ts';
import { createSigningKey, signToken, type SigningKey } from './signing.ts';
import { createVirtualClock, type VirtualClock } from './virtual-clock.ts';

export const testIssuer = 'https://id.example.com';

/** A verifier with one issuer whose keys are given, and tokens for it. */
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

/** An error says what is wrong and what to do, in sentences. */
function checkWords({ message, remediation }: ValetKeyError): void {
  if (!/^[A-Z].*\.$/.test(message) || !/^[A-Z].*\.$/.test(remediation)) {
    throw new Error(`an error without words: ${message} ${remediation}`);
  }
}

/** The error that a promise rejects with. */
export async function rejection(promise: Promise<unknown>): Promise<ValetKeyError> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (ValetKeyError.isInstance(error)) {
    checkWords(error);
    return error;
  }
  throw new Error('expected a ValetKeyError', { cause: error });
}

/** Why a verifier refuses a token; `undefined` where it accepts it. */
export async function refusalOf(verifier: JwtVerifier, token: string): Promise<string | undefined> {
  try {
    await verifier.verify(token);
    return undefined;
  } catch (error) {
    if (!ValetKeyError.isInstance(error)) throw error;
    checkWords(error);
    return `${error.code} ${error.reason}`;
  }
}
