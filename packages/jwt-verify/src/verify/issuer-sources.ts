import { isSameValue, type Issuer } from '@valetkey/core-types';
import type { JwtVerifierEvent } from '../keys/key-events.ts';
import type { KeySource } from '../keys/key-source.ts';
import { RemoteKeySource } from '../keys/remote-key-source.ts';
import { createStaticKeySource } from '../keys/static-key-source.ts';
import { createOpaqueTokens, type OpaqueTokens } from '../opaque/opaque-tokens.ts';
import type { FetchDependencies } from '../provider-http/fetch-json.ts';
import type { VerifierSettings } from './verifier-options.ts';

/** The keys of one issuer and its look-up of opaque tokens. Verifiers that replace each other share it. */
export interface IssuerSource {
  readonly issuer: Issuer;
  readonly keySource: KeySource;
  /** Absent if the issuer has no introspection and no resolver. */
  readonly opaqueTokens: OpaqueTokens | undefined;
  /** What the source was opened with. */
  readonly openedWith: readonly unknown[];
  /** Counts one more verifier that uses the source. */
  readonly hold: () => void;
  /** Ends the fetches of the source if no verifier uses it any longer. */
  readonly release: () => void;
}

/** The verifier whose sources may be kept. */
interface EarlierSources {
  readonly sources: readonly IssuerSource[];
}

/** Opens the source of each issuer, or keeps the one that was opened with the same settings. */
export function openSources(settings: VerifierSettings, earlier: EarlierSources = { sources: [] }): IssuerSource[] {
  const { clock, fetchTimeoutMs, fetchMaxBytes } = settings;
  return settings.issuers.map((issuer) => {
    const fetch = settings.fetchByIssuer.get(issuer.issuer) ?? settings.fetch;
    const openedWith = [issuer, fetch, clock, fetchTimeoutMs, fetchMaxBytes];
    const kept = earlier.sources.find((source) => isSameValue(source.openedWith, openedWith));
    const source = kept ?? openSource(issuer, fetch, settings, openedWith);
    source.hold();
    return source;
  });
}

function openSource(
  issuer: Issuer,
  fetch: typeof globalThis.fetch,
  settings: VerifierSettings,
  openedWith: readonly unknown[],
): IssuerSource {
  const { clock, random, fetchTimeoutMs: timeoutMs, fetchMaxBytes: maxBytes } = settings;
  const closing = new AbortController();
  const http: FetchDependencies = { fetch, timeoutMs, maxBytes, signal: closing.signal };
  const onEvent = (event: JwtVerifierEvent): void => {
    try {
      settings.onEvent(event);
    } catch {
      // An error of `onEvent` must not fail a verification.
    }
  };
  let verifiers = 0;
  return {
    issuer,
    keySource:
      issuer.jwks === undefined
        ? new RemoteKeySource({ issuer, clock, random, http, onEvent })
        : createStaticKeySource(issuer.jwks),
    opaqueTokens: createOpaqueTokens({ issuer, clock, random, http, onEvent }),
    openedWith,
    hold: () => {
      verifiers += 1;
    },
    release: () => {
      verifiers -= 1;
      if (verifiers === 0) closing.abort();
    },
  };
}
