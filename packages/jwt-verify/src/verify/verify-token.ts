import { readClaim, type Clock, type Issuer, type Principal } from '@valetkey/core-types';
import { checkPresentation, type DpopContext, type DpopDependencies } from '../dpop/dpop-proof.ts';
import { hasCompactForm, isJsonObject, isMissingValue, type JsonObject } from '../token/token-text.ts';
import { jwtSteps } from './jwt-steps.ts';
import type { createOpaqueSteps } from './opaque-steps.ts';
import { remediationsFor, withRemediation } from './remediation.ts';
import { isAcceptedLength } from './shared-steps.ts';
import { untilAborted } from './until-aborted.ts';
import type { Step, Verification, VerificationDependencies, VerifiedToken } from './verification.ts';

/** A bounded cache of verified tokens. */
export interface VerifiedTokens {
  readonly get: (token: string) => VerifiedToken | undefined;
  readonly set: (token: string, verified: VerifiedToken) => void;
  readonly deleteWhere: (matches: (verified: VerifiedToken, token: string) => boolean) => void;
  /** Calls `each` for every token, those that are longest unused first. */
  readonly forEach: (each: (verified: VerifiedToken, token: string) => void) => void;
  readonly size: () => number;
}

type OpaqueSteps = ReturnType<typeof createOpaqueSteps>;

/** The name of a step of verification. */
export type VerificationStep = (typeof jwtSteps | OpaqueSteps)[number]['name'];

/** The request that carries a token. */
export interface VerifyContext {
  /** The caller's proof, for a token that was sent with the scheme `DPoP`. */
  readonly dpop?: DpopContext | undefined;
  /** Ends this call. Other calls that wait for the same token are not affected. */
  readonly signal?: AbortSignal | undefined;
}

/** The dependencies of {@link createVerify}. */
export interface TokenVerificationDependencies extends VerificationDependencies {
  /** Absent if no issuer looks up opaque tokens. */
  readonly opaqueSteps: OpaqueSteps | undefined;
  readonly verifiedTokens: VerifiedTokens;
  /** Seconds after which a token is verified anew. */
  readonly cacheSeconds: number;
  readonly dpop: DpopDependencies;
}

const opaqueForm = /^[\w.~+/-]+=*$/;

/** Creates the function `verify`. It returns the principal of a known token, or runs the steps of verification. */
export function createVerify(
  dependencies: TokenVerificationDependencies,
): (token: string, context?: VerifyContext) => Promise<Principal> {
  const { verifiedTokens, revocations } = dependencies;
  const pendingTokens = new Map<string, Promise<VerifiedToken>>();

  const remember = ({ token, recordOutcome }: Verification, verified: VerifiedToken): VerifiedToken => {
    recordOutcome?.(undefined);
    // A revocation may have arrived after the last step.
    if (!revocations.matches(verified.principal, token)) verifiedTokens.set(token, verified);
    return verified;
  };

  const finish = async (verification: Verification, running: Promise<VerifiedToken>): Promise<VerifiedToken> => {
    try {
      return remember(verification, await running);
    } catch (error) {
      verification.recordOutcome?.(error);
      throw error;
    } finally {
      pendingTokens.delete(verification.token);
    }
  };

  /** Calls for one token at the same time share one verification. Returns a promise only if it has to wait. */
  const verifyShared = (token: string): VerifiedToken | Promise<VerifiedToken> => {
    const pending = pendingTokens.get(token);
    if (pending !== undefined) return pending;
    const verification = startVerification(token);
    const running = runSteps(chooseSteps(token, dependencies), verification, dependencies);
    if (!(running instanceof Promise)) return remember(verification, running);
    const started = finish(verification, running);
    pendingTokens.set(token, started);
    return started;
  };

  const verifyWithContext = async (
    token: string,
    known: VerifiedToken | undefined,
    { dpop, signal }: VerifyContext,
  ): Promise<Principal> => {
    const start = async (): Promise<VerifiedToken> => verifyShared(token);
    const { principal, binding } = known ?? (await (signal === undefined ? start() : untilAborted(start, signal)));
    await checkPresentation({ token, principal, binding }, dpop, dependencies.dpop);
    return principal;
  };

  /** Verifies a token that comes without a proof and without a signal. An await would cost more than most of the checks. */
  const verifyPlain = (token: string): Promise<Principal> => {
    try {
      const verified = verifyShared(token);
      if (verified instanceof Promise) return verified.then((found) => present(token, found));
      return present(token, verified);
    } catch (error) {
      return Promise.reject(error as Error);
    }
  };

  const present = (token: string, verified: VerifiedToken): Promise<Principal> =>
    verified.binding === undefined ? sharedPromiseOf(verified) : verifyWithContext(token, verified, {});

  // This is not an async function, so that every call for a known token returns the same promise.
  return (token, context) => {
    const known = recall(token, dependencies);
    if (known !== undefined && known.binding === undefined && context?.dpop === undefined)
      return sharedPromiseOf(known);
    const isPlain = context?.dpop === undefined && context?.signal === undefined;
    return known === undefined && isPlain ? verifyPlain(token) : verifyWithContext(token, known, context ?? {});
  };
}

function sharedPromiseOf(verified: VerifiedToken): Promise<Principal> {
  return (verified.sharedPromise ??= Promise.resolve(verified.principal));
}

/** Returns the result of an earlier verification, if that still holds. */
function recall(token: string, { verifiedTokens, clock }: TokenVerificationDependencies): VerifiedToken | undefined {
  const known = verifiedTokens.get(token);
  return known !== undefined && stillHolds(known, clock) ? known : undefined;
}

/** Returns whether a verification may be reused: before its expiry by both clocks, and while its key is trusted. */
function stillHolds({ expiresAtMs, reusableUntilMs, signedBy }: VerifiedToken, clock: Clock): boolean {
  const now = clock.monotonicMs();
  if (now >= reusableUntilMs || clock.nowMs() >= expiresAtMs) return false;
  if (signedBy === undefined || now < signedBy.key.trustedUntilMs) return true;
  return signedBy.keySource.renew() === undefined && now < signedBy.key.trustedUntilMs;
}

/**
 * Returns the steps for a token. These are the steps for an opaque token if the token has that form and an issuer looks up
 * opaque tokens; otherwise the steps for a JWT.
 */
export function chooseSteps(
  token: string,
  { opaqueSteps, maxTokenLength }: TokenVerificationDependencies,
): typeof jwtSteps | OpaqueSteps {
  if (opaqueSteps === undefined || !isAcceptedLength(token, maxTokenLength)) return jwtSteps;
  const isOpaque = !hasCompactForm(token) && opaqueForm.test(token) && !isMissingValue(token);
  return isOpaque ? opaqueSteps : jwtSteps;
}

/** Returns the state before the first step. The steps set the fields that are missing. */
export function startVerification(token: string): Verification {
  const missing = undefined as never;
  // Every field is there from the start: V8 would copy an object that grows.
  return {
    token,
    step: undefined,
    segments: missing,
    header: missing,
    claims: missing,
    issuer: missing,
    canonicalIssuer: missing,
    expiresAtSeconds: undefined,
    subject: missing,
    binding: undefined,
    keySource: missing,
    signature: missing,
    keys: missing,
    signedBy: undefined,
    reuseSeconds: Infinity,
    recordOutcome: undefined,
  };
}

/**
 * Runs the steps for a token in their order. Throws or rejects at the first step that fails, and returns a promise only if a
 * step has to wait.
 */
export function runSteps(
  steps: readonly Step[],
  verification: Verification,
  dependencies: TokenVerificationDependencies,
): VerifiedToken | Promise<VerifiedToken> {
  try {
    for (let index = 0; index < steps.length; index += 1) {
      const step = steps[index] as Step;
      verification.step = step;
      const pending = step.run(verification, dependencies);
      if (pending !== undefined) return runStepsAfter(pending, steps.slice(index + 1), verification, dependencies);
    }
  } catch (error) {
    throw withRemediation(error, remediationsFor(verification.issuer, dependencies));
  }
  const { expiresAtSeconds, binding, signedBy, reuseSeconds } = verification;
  const { clock, cacheSeconds } = dependencies;
  return {
    principal: createPrincipal(verification),
    sharedPromise: undefined,
    binding,
    expiresAtMs: (expiresAtSeconds ?? Infinity) * 1000,
    reusableUntilMs: clock.monotonicMs() + Math.min(cacheSeconds, reuseSeconds) * 1000,
    signedBy,
  };
}

async function runStepsAfter(
  pending: Promise<void>,
  steps: readonly Step[],
  verification: Verification,
  dependencies: TokenVerificationDependencies,
): Promise<VerifiedToken> {
  try {
    await pending;
  } catch (error) {
    throw withRemediation(error, remediationsFor(verification.issuer, dependencies));
  }
  return runSteps(steps, verification, dependencies);
}

/** Creates a principal that many callers may share: it is frozen deeply. */
function createPrincipal({ issuer, canonicalIssuer, subject, claims, expiresAtSeconds }: Verification): Principal {
  freezeDeep(claims);
  const scopes = Object.freeze(scopesOf(issuer, claims));
  return Object.freeze({ issuer: canonicalIssuer, subject, scopes, claims, expiresAtSeconds });
}

/** Returns the scopes in `scope` or `scp`, or in every claim that the issuer names, without repeats. */
function scopesOf({ scopeClaims }: Issuer, claims: JsonObject): readonly string[] {
  if (scopeClaims === undefined) {
    const written = claims['scope'] ?? claims['scp'];
    return isJsonObject(written) ? [] : readScopes(written, ' ');
  }
  return [
    ...new Set(
      scopeClaims.flatMap((path) =>
        readScopes(readClaim(claims, path), path === 'scope' || path === 'scp' ? ' ' : /[ ,]/),
      ),
    ),
  ];
}

/** Returns the scopes in a text, in a list, or in the names of an object. */
function readScopes(written: unknown, separator: string | RegExp): string[] {
  if (typeof written === 'string') return written.split(separator).filter((name) => name !== '');
  const names: readonly unknown[] = Array.isArray(written)
    ? written
    : isJsonObject(written)
      ? Object.keys(written)
      : [];
  return names.filter((name) => typeof name === 'string');
}

/** Freezes a value and all that it holds. It never calls itself, because a provider's response may be nested deeply. */
function freezeDeep(value: unknown): void {
  const found = [value];
  for (const item of found) {
    if (typeof item !== 'object' || item === null) continue;
    for (const child of Object.values(item)) found.push(child);
    Object.freeze(item);
  }
}

/** A safe estimate: an entry for a token of 400 characters was measured at 1240 bytes of heap. */
const entryOverheadBytes = 1500;
const bytesPerCharacter = 3;

/**
 * Creates the cache of verified tokens. It has two generations instead of a list in order of use: a hit costs one
 * lookup, and tokens that were not used during a whole generation are dropped together. Both bounds apply to the sum of
 * the two generations.
 */
export function createVerifiedTokens(maxEntries: number, maxBytes: number): VerifiedTokens {
  let young = new Map<string, VerifiedToken>();
  let old = new Map<string, VerifiedToken>();
  let youngBytes = 0;

  const set = (token: string, verified: VerifiedToken): void => {
    const bytes = entryOverheadBytes + bytesPerCharacter * token.length;
    if (maxEntries < 2 || 2 * bytes > maxBytes) return;
    if (2 * (young.size + 1) > maxEntries || 2 * (youngBytes + bytes) > maxBytes) {
      old = young;
      young = new Map();
      youngBytes = 0;
    }
    young.set(token, verified);
    youngBytes += bytes;
  };

  return {
    get: (token) => {
      const verified = young.get(token);
      if (verified !== undefined) return verified;
      const aged = old.get(token);
      if (aged !== undefined) {
        old.delete(token);
        set(token, aged);
      }
      return aged;
    },
    set,
    deleteWhere: (matches) => {
      for (const generation of [young, old]) {
        for (const [token, verified] of generation) if (matches(verified, token)) generation.delete(token);
      }
    },
    forEach: (each) => {
      for (const generation of [old, young]) for (const [token, verified] of generation) each(verified, token);
    },
    size: () => young.size + old.size,
  };
}
