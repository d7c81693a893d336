import type { Clock, Issuer, Principal } from '@valetkey/core-types';
import type { DpopBinding } from '../dpop/dpop-proof.ts';
import type { KeySource } from '../keys/key-source.ts';
import type { VerificationKey } from '../keys/verification-key.ts';
import type { Revocations } from '../revocation/revocations.ts';
import type { JsonObject, TokenHeader, TokenSegments } from '../token/token-text.ts';

/** One step of verification: verifying runs it, and explaining describes it. */
export interface Step<Name extends string = string> {
  readonly name: Name;
  /** Returns what the step requires of a token, in the terms of its issuer where the issuer is known. */
  readonly requirement: (issuer: Issuer | undefined) => string;
  /** Throws a `ValetKeyError` where the token fails. Returns a promise only where the step has to wait. */
  readonly run: (verification: Verification, dependencies: VerificationDependencies) => void | Promise<void>;
}

/** What the steps find out about one token. A step reads only what the steps before it have set. */
export interface Verification {
  readonly token: string;
  /** The step that is running, or that failed. */
  step: Step | undefined;
  segments: TokenSegments;
  header: TokenHeader;
  claims: JsonObject;
  issuer: Issuer;
  expiresAtSeconds: number | undefined;
  subject: string;
  binding: DpopBinding | undefined;
  keySource: KeySource;
  keys: readonly VerificationKey[];
  signedBy: TokenSigner | undefined;
  /** Seconds for which the result may be reused, where that is less than the verifier's own limit. */
  reuseSeconds: number;
}

/** The key that made a token's signature, and where the key came from. */
export interface TokenSigner {
  readonly key: VerificationKey;
  readonly keySource: KeySource;
}

/** What the steps work with. */
export interface VerificationDependencies {
  readonly issuers: ReadonlyMap<string, { readonly issuer: Issuer; readonly keySource: KeySource }>;
  readonly clock: Clock;
  readonly maxTokenLength: number;
  readonly revocations: Pick<Revocations, 'matches'>;
  /** The headers of verified tokens, by their segment: tokens of one key share their header. */
  readonly knownHeaders: Map<string, TokenHeader>;
}

/** A verified token, and what must still hold for the result to be used again. */
export interface VerifiedToken {
  readonly principal: Principal;
  /** The promise that every repetition returns; created at the first repetition. */
  repeated: Promise<Principal> | undefined;
  /** The caller's key, where the token is bound to one. */
  readonly binding: DpopBinding | undefined;
  /** Wall clock. */
  readonly expiresAtMs: number;
  /** Monotonic clock. */
  readonly reusableUntilMs: number;
  /** Absent for an opaque token, which the provider itself has confirmed. */
  readonly signedBy: TokenSigner | undefined;
}
