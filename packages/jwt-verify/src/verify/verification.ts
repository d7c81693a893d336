import type { Clock, Issuer, Principal } from '@valetkey/core-types';
import type { DpopBinding } from '../dpop/dpop-proof.ts';
import type { KeySource } from '../keys/key-source.ts';
import type { VerificationKey } from '../keys/verification-key.ts';
import type { Revocations } from '../revocation/revocations.ts';
import type { IssuerIndex } from '../token/issuer-index.ts';
import type { JsonObject, TokenHeader, TokenSegments } from '../token/token-text.ts';

/** One step of verification. `verify` runs it; `explain` runs and describes it. */
export interface Step<Name extends string = string> {
  readonly name: Name;
  /** Returns the requirement as a sentence. If the issuer is known, the sentence contains the issuer's settings. */
  readonly requirement: (issuer: Issuer | undefined) => string;
  /** Throws a `ValetKeyError` if the token fails. Returns a promise only if the step has to wait. */
  readonly run: (verification: Verification, dependencies: VerificationDependencies) => void | Promise<void>;
}

/** The state of one verification. A step reads only fields that earlier steps have set. */
export interface Verification {
  readonly token: string;
  /** The step that is running, or that failed. */
  step: Step | undefined;
  segments: TokenSegments;
  header: TokenHeader;
  claims: JsonObject;
  issuer: Issuer;
  /** The issuer of the principal, which is the same for every form of `iss`. */
  canonicalIssuer: string;
  expiresAtSeconds: number | undefined;
  subject: string;
  binding: DpopBinding | undefined;
  keySource: KeySource;
  signature: Buffer;
  keys: readonly VerificationKey[];
  signedBy: TokenSigner | undefined;
  /** Seconds for which the result may be reused. The verifier's own limit applies as well. */
  reuseSeconds: number;
  /** Tells the look-up of an opaque token the outcome: the error that refuses the token, or undefined. */
  recordOutcome: ((refusal: unknown) => void) | undefined;
}

/** The key that made a token's signature, and the source of that key. */
export interface TokenSigner {
  readonly key: VerificationKey;
  readonly keySource: KeySource;
}

/** The dependencies of the steps. */
export interface VerificationDependencies {
  readonly issuers: readonly { readonly issuer: Issuer; readonly keySource: KeySource }[];
  readonly findIssuer: IssuerIndex<{ readonly issuer: Issuer; readonly keySource: KeySource }>;
  readonly clock: Clock;
  readonly maxTokenLength: number;
  readonly revocations: Pick<Revocations, 'matches'>;
  /** The parsed headers of verified tokens, by the encoded header. Tokens of one key usually have the same header. */
  readonly knownHeaders: Map<string, TokenHeader>;
}

/** The result of verifying a token, and the conditions under which the result may be reused. */
export interface VerifiedToken {
  readonly principal: Principal;
  /** The promise that `verify` returns for a known token. Created when it is first needed. */
  sharedPromise: Promise<Principal> | undefined;
  /** The key to which the token is bound. Absent for a bearer token. */
  readonly binding: DpopBinding | undefined;
  /** By the wall clock. */
  readonly expiresAtMs: number;
  /** By the monotonic clock. */
  readonly reusableUntilMs: number;
  /** Absent for an opaque token, which the provider itself has confirmed. */
  readonly signedBy: TokenSigner | undefined;
}
