import type { Principal } from '@valetkey/core-types';
import { createDpopNonces } from '../dpop/dpop-nonces.ts';
import { checkDpopProof, type DpopContext } from '../dpop/dpop-proof.ts';
import type { JwtVerifierEvent } from '../keys/key-events.ts';
import { explainToken, type Explanation } from './explain.ts';
import type { KeyStatus } from '../keys/key-source.ts';
import { createOpaqueTokens, type OpaqueTokens } from '../opaque/opaque-tokens.ts';
import { readOptions, type JwtVerifierOptions, type VerifierSettings } from './verifier-options.ts';
import { refuse } from '../token/refusals.ts';
import { createRemoteKeySource } from '../keys/remote-key-source.ts';
import { createRevocations, type RevocationTarget } from '../revocation/revocations.ts';
import { planRevocation } from '../revocation/revoke.ts';
import { createStaticKeySource } from '../keys/static-key-source.ts';
import { createVerifiedTokens, type VerifiedToken } from './verified-tokens.ts';
import { createTokenVerification, type IssuerRecord } from './verify-token.ts';

/** What is known about a token's arrival. */
export interface VerifyContext {
  /** The caller's proof, where the token came with the scheme `DPoP`. */
  readonly dpop?: DpopContext | undefined;
  /** Ends this caller's wait; others who wait for the same token are not disturbed. */
  readonly signal?: AbortSignal | undefined;
}

/** The state of one issuer. */
export interface IssuerStatus extends KeyStatus {
  readonly issuer: string;
}

/** Turns tokens into principals. */
export interface JwtVerifier {
  /**
   * Verifies a token.
   *
   * @throws {ValetKeyError} `invalid_token` with a `reason` and a `remediation`; `identity_unavailable` where the
   *   identity provider must be asked and does not answer; `overloaded`.
   */
  readonly verify: (token: string, context?: VerifyContext) => Promise<Principal>;
  /** Fetches the keys of every issuer ahead of the first token. Never rejects: a provider that is down shows in the status. */
  readonly warm: () => Promise<readonly IssuerStatus[]>;
  /** Verifies a token step by step and says how each went. Safe to show: it tells nothing about the person. */
  readonly explain: (token: string, context?: VerifyContext) => Promise<Explanation>;
  /**
   * Refuses a token, or all of a person's, from now on, in this process.
   *
   * @throws {ValetKeyError} `overloaded` where there is no room to remember it; `invalid_request` for a token that cannot
   *   be told from others.
   */
  readonly revoke: (target: RevocationTarget) => void;
  readonly status: () => readonly IssuerStatus[];
  /** The nonce for the `DPoP-Nonce` header of an answer (RFC 9449, section 9). */
  readonly dpopNonce: () => string;
  /** Ends fetches under way and begins no more. */
  readonly close: () => void;
}

/** The issuers' keys, and the one way to look up opaque tokens where there is one. */
function createSources(settings: VerifierSettings, signal: AbortSignal) {
  const { clock, random, fetch, fetchTimeoutMs: timeoutMs, fetchMaxBytes: maxBytes } = settings;
  const bounds = { fetch, timeoutMs, maxBytes, signal };
  const onEvent = (event: JwtVerifierEvent): void => {
    try {
      settings.onEvent(event);
    } catch {
      // An observer's mistake is not the caller's.
    }
  };
  const issuers = new Map<string, IssuerRecord>();
  let opaqueTokens: OpaqueTokens | undefined;
  for (const issuer of settings.issuers) {
    const keySource =
      issuer.jwks === undefined
        ? createRemoteKeySource({ issuer, clock, random, bounds, onEvent })
        : createStaticKeySource(issuer.issuer, issuer.jwks);
    issuers.set(issuer.issuer, { issuer, keySource });
    opaqueTokens ??= createOpaqueTokens({ issuer, clock, random, bounds });
  }
  return { issuers, opaqueTokens };
}

/** Lets one waiter go without disturbing the others. */
async function untilAborted<Result>(start: () => Promise<Result>, signal: AbortSignal): Promise<Result> {
  signal.throwIfAborted();
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const onAbort = (): void => reject(signal.reason);
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    return await Promise.race([start(), aborted]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

/**
 * Makes a verifier of the tokens of one or more identity providers.
 *
 * @throws {TypeError} Where an option is not valid; the message names each one, never its value.
 *
 * @example
 * ```ts
 * import { createJwtVerifier } from '@valetkey/jwt-verify';
 *
 * const verifier = createJwtVerifier({ issuers: [{ issuer: 'https://id.example.com', audiences: ['https://api.example.com'] }] });
 * const { issuer, subject, scopes } = await verifier.verify(token);
 * ```
 */
export function createJwtVerifier(options: JwtVerifierOptions): JwtVerifier {
  const settings = readOptions(options);
  const { clock, cache, replayStore } = settings;
  const closing = new AbortController();
  const { issuers, opaqueTokens } = createSources(settings, closing.signal);
  const nowSeconds = (): number => clock.nowMs() / 1000;
  const revocations = createRevocations(settings.maxRevocations, nowSeconds);
  const nonces = createDpopNonces(settings.dpopNonceKey, nowSeconds);
  const verifiedTokens = createVerifiedTokens(cache?.maxEntries ?? 0, cache?.maxBytes ?? 0);
  const verifyToken = createTokenVerification({
    issuers,
    opaqueTokens,
    clock,
    maxTokenLength: settings.maxTokenLength,
    cacheSeconds: cache?.maxAgeSeconds ?? 0,
    revocations,
  });
  const pendingTokens = new Map<string, Promise<VerifiedToken>>();

  /** The result of an earlier verification, if it still holds. */
  const recall = (token: string): VerifiedToken | undefined => {
    const known = verifiedTokens.get(token);
    if (known === undefined) return undefined;
    const now = clock.monotonicMs();
    if (now >= known.reusableUntilMs || clock.nowMs() >= known.expiresAtMs) return undefined;
    if (now < known.key.trustedUntilMs) return known;
    return known.keySource.renew() === undefined && now < known.key.trustedUntilMs ? known : undefined;
  };

  const verifyAnew = async (token: string): Promise<VerifiedToken> => {
    try {
      const verified = await verifyToken(token);
      if (cache !== null) verifiedTokens.set(token, verified);
      return verified;
    } finally {
      pendingTokens.delete(token);
    }
  };

  const verifyShared = (token: string): Promise<VerifiedToken> => {
    const pending = pendingTokens.get(token);
    if (pending !== undefined) return pending;
    const begun = verifyAnew(token);
    pendingTokens.set(token, begun);
    return begun;
  };

  const checkProof = (token: string, { binding }: VerifiedToken, dpop: DpopContext | undefined): Promise<void> => {
    if (binding === undefined) {
      throw refuse('unbound_token', 'The token is not bound to a key.', 'Send it as `Authorization: Bearer <token>`.');
    }
    if (dpop === undefined) {
      throw refuse(
        'bound_token',
        'The token is bound to a key and came without a proof of it.',
        'Send it as `Authorization: DPoP <token>` with a proof in the `DPoP` header (RFC 9449).',
      );
    }
    return checkDpopProof(dpop, token, binding, { nowSeconds, nonces, replayStore });
  };

  const verifyWithContext = async (
    token: string,
    known: VerifiedToken | undefined,
    { dpop, signal }: VerifyContext = {},
  ): Promise<Principal> => {
    const verified =
      known ?? (await (signal === undefined ? verifyShared(token) : untilAborted(() => verifyShared(token), signal)));
    if (verified.binding !== undefined || dpop !== undefined) await checkProof(token, verified, dpop);
    return verified.principal;
  };

  const status = (): IssuerStatus[] =>
    [...issuers].map(([issuer, { keySource }]) => ({ issuer, ...keySource.status() }));

  return {
    // Not an async function: a hit answers the one promise that was made when the token was verified.
    verify: (token, context) => {
      const known = recall(token);
      if (known !== undefined && known.binding === undefined && context?.dpop === undefined) {
        return (known.answer ??= Promise.resolve(known.principal));
      }
      return verifyWithContext(token, known, context);
    },
    warm: async () => {
      await Promise.all([...issuers.values()].map(({ keySource }) => keySource.warm()));
      return status();
    },
    explain: (token, context) =>
      explainToken(token, verifyToken, async (verified) => {
        if (verified.binding !== undefined || context?.dpop !== undefined) {
          await checkProof(token, verified, context?.dpop);
        }
      }),
    revoke: (target) => {
      const [key, revocation] = planRevocation(target, issuers, nowSeconds());
      revocations.add(key, revocation);
      verifiedTokens.deleteWhere(({ principal }, token) => revocations.matches(principal, token));
    },
    status,
    dpopNonce: nonces.current,
    close: () => closing.abort(),
  };
}
