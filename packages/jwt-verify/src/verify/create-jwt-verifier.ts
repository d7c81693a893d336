import { isSameValue } from '@valetkey/core-types';
import { createDpopNonces } from '../dpop/dpop-nonces.ts';
import { dpopSupportOf } from '../dpop/dpop-support.ts';
import { createRevocations, type Revocations } from '../revocation/revocations.ts';
import { createIssuerIndex } from '../token/issuer-index.ts';
import { explainToken } from './explain.ts';
import { openSources, type IssuerSource } from './issuer-sources.ts';
import type { IssuerStatus, JwtVerifier } from './jwt-verifier.ts';
import { verifyLogoutToken } from './logout-token.ts';
import { createOpaqueSteps } from './opaque-steps.ts';
import { parseVerifierOptions, type JwtVerifierOptions, type VerifierSettings } from './verifier-options.ts';
import { createVerifiedTokens, createVerify, type VerifiedTokens } from './verify-token.ts';

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
