import { isSameValue, type Principal } from '@valetkey/core-types';
import { createDpopNonces } from '../dpop/dpop-nonces.ts';
import { dpopSupportOf, type DpopSupport } from '../dpop/dpop-support.ts';
import type { KeyStatus } from '../keys/key-source.ts';
import { createRevocations, type Revocations, type RevocationTarget } from '../revocation/revocations.ts';
import { createIssuerIndex } from '../token/issuer-index.ts';
import { explainToken, type Explanation } from './explain.ts';
import { openSources, type IssuerSource } from './issuer-sources.ts';
import { verifyLogoutToken, type LogoutToken } from './logout-token.ts';
import { createOpaqueSteps } from './opaque-steps.ts';
import { parseVerifierOptions, type JwtVerifierOptions, type VerifierSettings } from './verifier-options.ts';
import { createVerifiedTokens, createVerify, type VerifiedTokens, type VerifyContext } from './verify-token.ts';

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

/** The parts of a verifier that one which replaces it may keep. */
interface VerifierParts {
  readonly settings: VerifierSettings;
  readonly sources: readonly IssuerSource[];
  readonly verifiedTokens: VerifiedTokens;
  readonly revocations: Revocations;
}

/** The parts of each verifier that is not closed. They are no part of its type. */
const partsOf = new WeakMap<JwtVerifier, VerifierParts>();

function createVerifierParts(options: JwtVerifierOptions): VerifierParts {
  const earlier = options.replaces && partsOf.get(options.replaces);
  const settings = parseVerifierOptions(options, earlier?.settings);
  const { cache, clock, maxRevocations } = settings;
  const nowSeconds = (): number => clock.nowMs() / 1000;
  const entries = earlier?.revocations.entries;
  const revocations = createRevocations({ issuers: settings.issuers, maxRevocations, nowSeconds, entries });
  const verifiedTokens = createVerifiedTokens(cache?.maxEntries ?? 0, cache?.maxBytes ?? 0);
  const sources = openSources(settings, earlier);
  const parts = { settings, sources, verifiedTokens, revocations };
  if (earlier !== undefined) keepVerifiedTokens(parts, earlier);
  return parts;
}

/** Keeps the tokens that were verified by the keys, or by the look-up, of an issuer that is the same as before. */
function keepVerifiedTokens({ settings, sources, verifiedTokens }: VerifierParts, earlier: VerifierParts): void {
  const limitsOf = ({ cache, maxTokenLength }: VerifierSettings) => [cache, maxTokenLength];
  if (!isSameValue(limitsOf(settings), limitsOf(earlier.settings))) return;
  const kept = sources.filter((source) => earlier.sources.includes(source));
  earlier.verifiedTokens.forEach((verified, token) => {
    const { signedBy, principal } = verified;
    const isKept = kept.some(({ issuer, keySource, opaqueTokens }) =>
      signedBy === undefined
        ? opaqueTokens !== undefined && issuer.issuer === principal.issuer
        : keySource === signedBy.keySource,
    );
    if (isKept) verifiedTokens.set(token, verified);
  });
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
  const parts = createVerifierParts(options);
  const { settings, sources, verifiedTokens, revocations } = parts;
  const { clock, cache, replayStore, maxTokenLength } = settings;
  const nowSeconds = (): number => clock.nowMs() / 1000;
  const nonces = createDpopNonces(settings.dpopNonceKey, nowSeconds);
  const opaqueTokens = sources.map((source) => source.opaqueTokens).find((found) => found !== undefined);
  const dependencies = {
    issuers: sources,
    findIssuer: createIssuerIndex(sources, ({ issuer }) => issuer),
    opaqueSteps: opaqueTokens && createOpaqueSteps(opaqueTokens),
    clock,
    maxTokenLength,
    cacheSeconds: cache?.maxAgeSeconds ?? 0,
    knownHeaders: new Map(),
    verifiedTokens,
    revocations,
    dpop: { nowSeconds, nonces, replayStore },
  };
  const status = (): IssuerStatus[] =>
    sources.map(({ issuer: { issuer }, keySource }) => ({ issuer, ...keySource.status() }));

  const verifier: JwtVerifier = {
    verify: createVerify(dependencies),
    warm: async () => {
      await Promise.all(sources.map(({ keySource }) => keySource.warm()));
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
    close: () => {
      if (partsOf.delete(verifier)) for (const { release } of sources) release();
    },
  };
  partsOf.set(verifier, parts);
  return verifier;
}
