import type { Issuer, Principal } from '@valetkey/core-types';
import { createDpopNonces } from '../dpop/dpop-nonces.ts';
import { dpopSupportOf, type DpopSupport } from '../dpop/dpop-support.ts';
import type { JwtVerifierEvent } from '../keys/key-events.ts';
import type { KeySource, KeyStatus } from '../keys/key-source.ts';
import { RemoteKeySource } from '../keys/remote-key-source.ts';
import { createStaticKeySource } from '../keys/static-key-source.ts';
import { createOpaqueTokens } from '../opaque/opaque-tokens.ts';
import type { FetchDependencies } from '../provider-http/fetch-json.ts';
import { createRevocations, type RevocationTarget } from '../revocation/revocations.ts';
import { createIssuerIndex } from '../token/issuer-index.ts';
import { explainToken, type Explanation } from './explain.ts';
import { verifyLogoutToken, type LogoutToken } from './logout-token.ts';
import { createOpaqueSteps } from './opaque-steps.ts';
import { parseVerifierOptions, type JwtVerifierOptions, type VerifierSettings } from './verifier-options.ts';
import { createVerifiedTokens } from './verify-token.ts';
import { createVerify, type VerifyContext } from './verify-token.ts';

/** The state of one issuer. */
export interface IssuerStatus extends KeyStatus {
  readonly issuer: string;
}

/** Turns tokens into principals. */
export interface JwtVerifier {
  /**
   * Verifies a token.
   *
   * @throws {ValetKeyError} `invalid_token` with a `reason` and a `remediation`; `identity_unavailable` if the identity
   *   provider must be called and gives no usable response; `rate_limited` if the principal has too many DPoP proofs in use;
   *   `overloaded`.
   */
  readonly verify: (token: string, context?: VerifyContext) => Promise<Principal>;
  /**
   * Fetches the keys of every issuer, before the first token arrives. Never rejects: `lastFailure` in the status names a
   * failure.
   */
  readonly warm: () => Promise<readonly IssuerStatus[]>;
  /** Verifies a token and describes every check. Safe to show: it contains nothing about the user. */
  readonly explain: (token: string, context?: VerifyContext) => Promise<Explanation>;
  /**
   * Verifies a logout token (OpenID Connect Back-Channel Logout 1.0) of an issuer with `backChannelLogout`. The caller must
   * remember its `tokenId` and refuse a second use.
   *
   * @throws {ValetKeyError} `invalid_token` with a `reason` and a `remediation`; `identity_unavailable` if the identity
   *   provider must be called and gives no usable response.
   */
  readonly verifyLogoutToken: (token: string) => Promise<LogoutToken>;
  /**
   * Refuses a token, or all tokens of a principal, from now on and in this process. A promise that `verify` has already
   * returned for such a token may still resolve.
   *
   * @throws {ValetKeyError} `overloaded` if the memory of revocations is full; `invalid_request` for a token that cannot be
   *   distinguished from others.
   */
  readonly revoke: (target: RevocationTarget) => void;
  readonly status: () => readonly IssuerStatus[];
  /** What the issuers accept of DPoP, for challenges and metadata. Undefined if only bearer tokens are accepted. */
  readonly dpop: DpopSupport | undefined;
  /** Returns the nonce for the `DPoP-Nonce` header of a response (RFC 9449 section 9). */
  readonly dpopNonce: () => string;
  /** Ends the fetches under way, and prevents new ones. */
  readonly close: () => void;
}

/** Creates the sources of the issuers' keys, and the look-up of opaque tokens if an issuer has one. */
function createSources(settings: VerifierSettings, signal: AbortSignal) {
  const { clock, random, fetch, fetchByIssuer, fetchTimeoutMs: timeoutMs, fetchMaxBytes: maxBytes } = settings;
  const httpOf = ({ issuer }: Issuer): FetchDependencies => ({
    fetch: fetchByIssuer.get(issuer) ?? fetch,
    timeoutMs,
    maxBytes,
    signal,
  });
  const onEvent = (event: JwtVerifierEvent): void => {
    try {
      settings.onEvent(event);
    } catch {
      // An error of `onEvent` must not fail a verification.
    }
  };
  const issuers = settings.issuers.map((issuer) => {
    const keySource: KeySource =
      issuer.jwks === undefined
        ? new RemoteKeySource({ issuer, clock, random, http: httpOf(issuer), onEvent })
        : createStaticKeySource(issuer.jwks);
    return { issuer, keySource };
  });
  const opaqueTokens = settings.issuers
    .map((issuer) => createOpaqueTokens({ issuer, clock, random, http: httpOf(issuer), onEvent }))
    .find((found) => found !== undefined);
  return { issuers, opaqueSteps: opaqueTokens && createOpaqueSteps(opaqueTokens) };
}

/**
 * Creates a verifier of the tokens of one or more identity providers.
 *
 * @throws {TypeError} If an option is not valid. The message names each such option, never its value.
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
  const settings = parseVerifierOptions(options);
  const { clock, cache, replayStore, maxTokenLength, maxRevocations } = settings;
  const closing = new AbortController();
  const { issuers, opaqueSteps } = createSources(settings, closing.signal);
  const nowSeconds = (): number => clock.nowMs() / 1000;
  const revocations = createRevocations({ issuers: settings.issuers, maxRevocations, nowSeconds });
  const nonces = createDpopNonces(settings.dpopNonceKey, nowSeconds);
  const verifiedTokens = createVerifiedTokens(cache?.maxEntries ?? 0, cache?.maxBytes ?? 0);
  const dependencies = {
    issuers,
    findIssuer: createIssuerIndex(issuers, ({ issuer }) => issuer),
    opaqueSteps,
    clock,
    maxTokenLength,
    cacheSeconds: cache?.maxAgeSeconds ?? 0,
    knownHeaders: new Map(),
    verifiedTokens,
    revocations,
    dpop: { nowSeconds, nonces, replayStore },
  };
  const status = (): IssuerStatus[] =>
    issuers.map(({ issuer: { issuer }, keySource }) => ({ issuer, ...keySource.status() }));

  return {
    verify: createVerify(dependencies),
    warm: async () => {
      await Promise.all(issuers.map(({ keySource }) => keySource.warm()));
      return status();
    },
    verifyLogoutToken: (token) => verifyLogoutToken(token, dependencies),
    explain: (token, context = {}) => explainToken(token, context, dependencies),
    revoke: (target) => {
      revocations.revoke(target);
      verifiedTokens.deleteWhere(({ principal }, token) => revocations.matches(principal, token));
    },
    status,
    dpop: dpopSupportOf(settings.issuers),
    dpopNonce: nonces.current,
    close: () => closing.abort(),
  };
}
